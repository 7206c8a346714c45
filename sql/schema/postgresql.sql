-- Made from lms_etl/warehouse/tables by `python -m lms_etl.warehouse.reference`; never edited.
CREATE TABLE activity_counts_etl (
	id BIGSERIAL NOT NULL,
	courseid BIGINT NOT NULL,
	file_views INTEGER DEFAULT '0' NOT NULL,
	video_views INTEGER DEFAULT '0' NOT NULL,
	forum_views INTEGER DEFAULT '0' NOT NULL,
	quiz_views INTEGER DEFAULT '0' NOT NULL,
	assignment_views INTEGER DEFAULT '0' NOT NULL,
	url_views INTEGER DEFAULT '0' NOT NULL,
	active_days INTEGER DEFAULT '0' NOT NULL,
	distinct_active_days INTEGER DEFAULT '0' NOT NULL,
	student_views INTEGER,
	extraction_date DATE NOT NULL,
	created_at TIMESTAMP WITHOUT TIME ZONE DEFAULT current_timestamp NOT NULL,
	updated_at TIMESTAMP WITHOUT TIME ZONE DEFAULT current_timestamp NOT NULL,
	CONSTRAINT pk_activity_counts_etl PRIMARY KEY (id),
	CONSTRAINT unique_course_date UNIQUE (extraction_date, courseid)
);
COMMENT ON TABLE activity_counts_etl IS 'Views of one course on one local day, only courses with a view';
COMMENT ON COLUMN activity_counts_etl.id IS 'Number of the row';
COMMENT ON COLUMN activity_counts_etl.courseid IS 'mdl_course.id; 0 for views outside any course';
COMMENT ON COLUMN activity_counts_etl.file_views IS 'Views of files (mod_resource)';
COMMENT ON COLUMN activity_counts_etl.video_views IS 'Views of pages (mod_page), which the report counts as videos';
COMMENT ON COLUMN activity_counts_etl.forum_views IS 'Views of forums (mod_forum)';
COMMENT ON COLUMN activity_counts_etl.quiz_views IS 'Views of quizzes (mod_quiz)';
COMMENT ON COLUMN activity_counts_etl.assignment_views IS 'Views of assignments (mod_assign)';
COMMENT ON COLUMN activity_counts_etl.url_views IS 'Views of links (mod_url)';
COMMENT ON COLUMN activity_counts_etl.active_days IS 'Local days from the first to the last view, both included';
COMMENT ON COLUMN activity_counts_etl.distinct_active_days IS 'Local days with a view';
COMMENT ON COLUMN activity_counts_etl.student_views IS 'Views by the course''s students alone; NULL unless LMS_ETL_STUDENT_VIEWS is on';
COMMENT ON COLUMN activity_counts_etl.extraction_date IS 'Local day of the site that the row is about';
COMMENT ON COLUMN activity_counts_etl.created_at IS 'First loaded, UTC';
COMMENT ON COLUMN activity_counts_etl.updated_at IS 'Last changed, UTC';
CREATE TABLE alert_deliveries (
	id BIGSERIAL NOT NULL,
	message_id BIGINT NOT NULL,
	alert_id BIGINT NOT NULL,
	channel VARCHAR(80) NOT NULL,
	state VARCHAR(10) NOT NULL,
	attempts INTEGER DEFAULT '0' NOT NULL,
	next_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	sending_at TIMESTAMP WITHOUT TIME ZONE,
	sent_at TIMESTAMP WITHOUT TIME ZONE,
	last_error TEXT,
	CONSTRAINT pk_alert_deliveries PRIMARY KEY (id),
	CONSTRAINT unique_message_channel UNIQUE (message_id, channel)
);
CREATE INDEX ix_alert_deliveries_state ON alert_deliveries (state, next_at);
COMMENT ON TABLE alert_deliveries IS 'One message to one channel: a channel that is down delays only itself';
COMMENT ON COLUMN alert_deliveries.id IS 'Number of the row';
COMMENT ON COLUMN alert_deliveries.message_id IS 'alert_messages.id';
COMMENT ON COLUMN alert_deliveries.alert_id IS 'alerts.id';
COMMENT ON COLUMN alert_deliveries.channel IS 'Name of the channel, without its secrets';
COMMENT ON COLUMN alert_deliveries.state IS 'waiting, sent or given_up';
COMMENT ON COLUMN alert_deliveries.attempts IS 'How often it was tried';
COMMENT ON COLUMN alert_deliveries.next_at IS 'Not before this moment, UTC';
COMMENT ON COLUMN alert_deliveries.sending_at IS 'When the newest attempt began, UTC';
COMMENT ON COLUMN alert_deliveries.sent_at IS 'When the channel accepted it, UTC';
COMMENT ON COLUMN alert_deliveries.last_error IS 'Why the newest attempt failed';
CREATE TABLE alert_events (
	event_key VARCHAR(171) NOT NULL,
	alert_id BIGINT NOT NULL,
	seen_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	CONSTRAINT pk_alert_events PRIMARY KEY (event_key)
);
COMMENT ON TABLE alert_events IS 'Events that an alert has counted, so that looking at one again changes nothing';
COMMENT ON COLUMN alert_events.event_key IS 'Names the event: run, check, tick or day';
COMMENT ON COLUMN alert_events.alert_id IS 'alerts.id that counted it';
COMMENT ON COLUMN alert_events.seen_at IS 'UTC';
CREATE TABLE alert_messages (
	id BIGSERIAL NOT NULL,
	message_key VARCHAR(60) NOT NULL,
	alert_id BIGINT NOT NULL,
	kind VARCHAR(10) NOT NULL,
	severity VARCHAR(10) NOT NULL,
	title TEXT NOT NULL,
	body TEXT NOT NULL,
	created_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	CONSTRAINT pk_alert_messages PRIMARY KEY (id),
	UNIQUE (message_key)
);
CREATE INDEX ix_alert_messages_alert_id ON alert_messages (alert_id);
COMMENT ON TABLE alert_messages IS 'Messages to be sent, written in the transaction that decides to tell';
COMMENT ON COLUMN alert_messages.id IS 'Number of the row';
COMMENT ON COLUMN alert_messages.message_key IS 'alert:number:kind';
COMMENT ON COLUMN alert_messages.alert_id IS 'alerts.id';
COMMENT ON COLUMN alert_messages.kind IS 'raised, again or recovered';
COMMENT ON COLUMN alert_messages.severity IS 'low, medium, high or critical';
COMMENT ON COLUMN alert_messages.title IS 'Subject line';
COMMENT ON COLUMN alert_messages.body IS 'Text';
COMMENT ON COLUMN alert_messages.created_at IS 'UTC';
CREATE TABLE alerts (
	id BIGSERIAL NOT NULL,
	kind VARCHAR(20) NOT NULL,
	subject VARCHAR(150) NOT NULL,
	open_key VARCHAR(171),
	thing TEXT NOT NULL,
	days TEXT,
	severity VARCHAR(10) NOT NULL,
	state VARCHAR(10) NOT NULL,
	title TEXT NOT NULL,
	detail TEXT NOT NULL,
	run_id VARCHAR(36),
	count INTEGER DEFAULT '0' NOT NULL,
	swallowed INTEGER DEFAULT '0' NOT NULL,
	told INTEGER DEFAULT '0' NOT NULL,
	first_seen_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	last_seen_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	last_told_at TIMESTAMP WITHOUT TIME ZONE,
	resolved_at TIMESTAMP WITHOUT TIME ZONE,
	CONSTRAINT pk_alerts PRIMARY KEY (id),
	UNIQUE (open_key)
);
CREATE INDEX ix_alerts_kind_subject ON alerts (kind, subject);
CREATE INDEX ix_alerts_state ON alerts (state);
COMMENT ON TABLE alerts IS 'What went wrong, one row for each cause from its first event to its end';
COMMENT ON COLUMN alerts.id IS 'Number of the row';
COMMENT ON COLUMN alerts.kind IS 'run_failed, check_failed, day_missed, ...';
COMMENT ON COLUMN alerts.subject IS 'What it is about; the cooldown is kept for each';
COMMENT ON COLUMN alerts.open_key IS 'kind:subject while open, else NULL';
COMMENT ON COLUMN alerts.thing IS 'What has to go well for it to end: job, check, sensor, tables';
COMMENT ON COLUMN alerts.days IS 'Days still to be mended, as first/last or day, separated by blanks';
COMMENT ON COLUMN alerts.severity IS 'low, medium, high or critical';
COMMENT ON COLUMN alerts.state IS 'open or resolved';
COMMENT ON COLUMN alerts.title IS 'One line: what happened';
COMMENT ON COLUMN alerts.detail IS 'The newest event''s reason, without secrets and values of rows';
COMMENT ON COLUMN alerts.run_id IS 'Run in Dagster of the newest event';
COMMENT ON COLUMN alerts.count IS 'Events of this cause';
COMMENT ON COLUMN alerts.swallowed IS 'Events since the last message';
COMMENT ON COLUMN alerts.told IS 'Messages made, the recovery note left out';
COMMENT ON COLUMN alerts.first_seen_at IS 'First event, UTC';
COMMENT ON COLUMN alerts.last_seen_at IS 'Newest event, UTC';
COMMENT ON COLUMN alerts.last_told_at IS 'Newest message, the recovery note left out, UTC';
COMMENT ON COLUMN alerts.resolved_at IS 'When it was over, UTC';
CREATE TABLE api_users (
	username VARCHAR(100) NOT NULL,
	role VARCHAR(10) NOT NULL,
	created_at TIMESTAMP WITHOUT TIME ZONE DEFAULT current_timestamp NOT NULL,
	disabled_at TIMESTAMP WITHOUT TIME ZONE,
	CONSTRAINT pk_api_users PRIMARY KEY (username)
);
COMMENT ON TABLE api_users IS 'Who may use the API, and with which privilege';
COMMENT ON COLUMN api_users.username IS 'As tokens name it, and the user claim of a JWT';
COMMENT ON COLUMN api_users.role IS 'admin: every row and every action; reader: own rows';
COMMENT ON COLUMN api_users.created_at IS 'UTC';
COMMENT ON COLUMN api_users.disabled_at IS 'Since when the user may do nothing, UTC';
CREATE TABLE auth_attempts (
	id BIGSERIAL NOT NULL,
	attempted_at TIMESTAMP WITHOUT TIME ZONE DEFAULT current_timestamp NOT NULL,
	ip_address VARCHAR(45) NOT NULL,
	endpoint VARCHAR(100) NOT NULL,
	reason VARCHAR(100) NOT NULL,
	user_agent VARCHAR(255),
	CONSTRAINT pk_auth_attempts PRIMARY KEY (id)
);
CREATE INDEX ix_auth_attempts_attempted_at ON auth_attempts (attempted_at, ip_address);
COMMENT ON TABLE auth_attempts IS 'Attempts to use the API without a valid token; the token itself is nowhere';
COMMENT ON COLUMN auth_attempts.id IS 'Number of the row';
COMMENT ON COLUMN auth_attempts.attempted_at IS 'UTC';
COMMENT ON COLUMN auth_attempts.ip_address IS 'IPv4 or IPv6';
COMMENT ON COLUMN auth_attempts.endpoint IS 'Function or route';
COMMENT ON COLUMN auth_attempts.reason IS 'Why it was refused: unknown, expired, revoked, ...';
COMMENT ON COLUMN auth_attempts.user_agent IS 'As sent, cut';
CREATE TABLE companies (
	companyid BIGINT NOT NULL,
	shortname VARCHAR(255) NOT NULL,
	name TEXT NOT NULL,
	origin VARCHAR(10) NOT NULL,
	live SMALLINT DEFAULT '1' NOT NULL,
	synced_through BIGINT DEFAULT '0' NOT NULL,
	reconciled_through BIGINT DEFAULT '0' NOT NULL,
	change_number BIGINT DEFAULT '0' NOT NULL,
	settings_version BIGINT DEFAULT '0' NOT NULL,
	created_at TIMESTAMP WITHOUT TIME ZONE DEFAULT current_timestamp NOT NULL,
	updated_at TIMESTAMP WITHOUT TIME ZONE DEFAULT current_timestamp NOT NULL,
	CONSTRAINT pk_companies PRIMARY KEY (companyid)
);
COMMENT ON TABLE companies IS 'Whose rows a reader of the report API may see: companies of IOMAD, top categories, or the whole site';
COMMENT ON COLUMN companies.companyid IS 'companies.companyid';
COMMENT ON COLUMN companies.shortname IS 'As logs and pages name it';
COMMENT ON COLUMN companies.name IS 'Full name';
COMMENT ON COLUMN companies.origin IS 'iomad: company.id; category: top category; site: all';
COMMENT ON COLUMN companies.live IS '0 once it is gone at the source';
COMMENT ON COLUMN companies.synced_through IS 'Changes at the source are synced up to here; 0 before the first sync, unix seconds';
COMMENT ON COLUMN companies.reconciled_through IS 'Start of the last comparison of every row with the source; 0 before the first, unix seconds';
COMMENT ON COLUMN companies.change_number IS 'Number of the newest load that changed a row; grows in the order of commits';
COMMENT ON COLUMN companies.settings_version IS 'Grows with each changed setting';
COMMENT ON COLUMN companies.created_at IS 'First loaded, UTC';
COMMENT ON COLUMN companies.updated_at IS 'Last changed, UTC';
CREATE TABLE company_quotas (
	companyid BIGINT NOT NULL,
	quota_date DATE NOT NULL,
	used INTEGER DEFAULT '0' NOT NULL,
	refused INTEGER DEFAULT '0' NOT NULL,
	daily_limit INTEGER,
	CONSTRAINT pk_company_quotas PRIMARY KEY (companyid, quota_date)
);
COMMENT ON TABLE company_quotas IS 'Calls of a company on one day, counted in one statement each';
COMMENT ON COLUMN company_quotas.companyid IS 'companies.companyid';
COMMENT ON COLUMN company_quotas.quota_date IS 'Local day of the site';
COMMENT ON COLUMN company_quotas.used IS 'Calls let through';
COMMENT ON COLUMN company_quotas.refused IS 'Calls refused after the last one let through';
COMMENT ON COLUMN company_quotas.daily_limit IS 'Limit when last counted; NULL for none';
CREATE TABLE courses (
	moodle_course_id BIGINT NOT NULL,
	id_number TEXT,
	course_name TEXT,
	course_shortname TEXT,
	visible SMALLINT NOT NULL,
	category_id BIGINT,
	category_name TEXT,
	category_idnumber TEXT,
	category_path TEXT,
	directorate_id BIGINT,
	directorate TEXT,
	unit_id BIGINT,
	unit TEXT,
	created_at TIMESTAMP WITHOUT TIME ZONE DEFAULT current_timestamp NOT NULL,
	updated_at TIMESTAMP WITHOUT TIME ZONE DEFAULT current_timestamp NOT NULL,
	CONSTRAINT pk_courses PRIMARY KEY (moodle_course_id)
);
COMMENT ON TABLE courses IS 'Courses of Moodle as last seen, one row a course';
COMMENT ON COLUMN courses.moodle_course_id IS 'mdl_course.id';
COMMENT ON COLUMN courses.id_number IS 'Course idnumber as text, may be empty';
COMMENT ON COLUMN courses.course_name IS 'Full name';
COMMENT ON COLUMN courses.course_shortname IS 'Short name';
COMMENT ON COLUMN courses.visible IS '1 visible, 0 hidden';
COMMENT ON COLUMN courses.category_id IS 'mdl_course_categories.id; 0 for the front page';
COMMENT ON COLUMN courses.category_name IS 'Name of the course''s category';
COMMENT ON COLUMN courses.category_idnumber IS 'Its idnumber: may be NULL or empty';
COMMENT ON COLUMN courses.category_path IS 'Names from the top category down, joined by '' / ''';
COMMENT ON COLUMN courses.directorate_id IS 'Id of the top category';
COMMENT ON COLUMN courses.directorate IS 'Name of the top category';
COMMENT ON COLUMN courses.unit_id IS 'Id of the second category on the path, NULL if there is none';
COMMENT ON COLUMN courses.unit IS 'Name of the second category on the path';
COMMENT ON COLUMN courses.created_at IS 'First loaded, UTC';
COMMENT ON COLUMN courses.updated_at IS 'Last changed, UTC';
CREATE TABLE etl_days (
	job_name VARCHAR(100) NOT NULL,
	target_date DATE NOT NULL,
	state VARCHAR(10),
	margin_minutes INTEGER,
	first_completed_at TIMESTAMP WITHOUT TIME ZONE,
	last_completed_at TIMESTAMP WITHOUT TIME ZONE,
	missed_at TIMESTAMP WITHOUT TIME ZONE,
	run_id BIGINT,
	rows_read BIGINT,
	source_max_id BIGINT,
	reason TEXT,
	CONSTRAINT pk_etl_days PRIMARY KEY (job_name, target_date)
);
COMMENT ON TABLE etl_days IS 'The receipt of every job and day: kept for ever, also when finished runs are purged from the registry';
COMMENT ON COLUMN etl_days.job_name IS 'activity_counts, user_counts, user_activity, ...';
COMMENT ON COLUMN etl_days.target_date IS 'Local day of the site';
COMMENT ON COLUMN etl_days.state IS 'met, late or missed; NULL before the window closes or the day is loaded';
COMMENT ON COLUMN etl_days.margin_minutes IS 'Minutes from the first load to the window''s end, below 0 when late';
COMMENT ON COLUMN etl_days.first_completed_at IS 'First successful load, UTC';
COMMENT ON COLUMN etl_days.last_completed_at IS 'Last successful load, UTC';
COMMENT ON COLUMN etl_days.missed_at IS 'When the window closed without a load, UTC';
COMMENT ON COLUMN etl_days.run_id IS 'etl_job_runs.id of the last successful load';
COMMENT ON COLUMN etl_days.rows_read IS 'Rows of the source that the last load was made of';
COMMENT ON COLUMN etl_days.source_max_id IS 'Largest source id that the last load has seen';
COMMENT ON COLUMN etl_days.reason IS 'Why it is late or missed';
CREATE TABLE etl_job_runs (
	id BIGSERIAL NOT NULL,
	job_name VARCHAR(100) NOT NULL,
	target_date DATE,
	trigger VARCHAR(20) NOT NULL,
	status VARCHAR(10) NOT NULL,
	live_key VARCHAR(120),
	attempt INTEGER DEFAULT '1' NOT NULL,
	progress_offset BIGINT DEFAULT '0' NOT NULL,
	numrow BIGINT DEFAULT '0' NOT NULL,
	limit_size INTEGER DEFAULT '1000' NOT NULL,
	rows_read BIGINT DEFAULT '0' NOT NULL,
	rows_inserted BIGINT DEFAULT '0' NOT NULL,
	rows_updated BIGINT DEFAULT '0' NOT NULL,
	rows_deleted BIGINT DEFAULT '0' NOT NULL,
	rows_rejected BIGINT DEFAULT '0' NOT NULL,
	source_max_id BIGINT,
	duration_seconds NUMERIC(12, 3),
	error TEXT,
	dagster_run_id VARCHAR(36),
	root_run_id VARCHAR(36),
	heartbeat_at TIMESTAMP WITHOUT TIME ZONE,
	requested_at TIMESTAMP WITHOUT TIME ZONE DEFAULT current_timestamp NOT NULL,
	started_at TIMESTAMP WITHOUT TIME ZONE,
	completed_at TIMESTAMP WITHOUT TIME ZONE,
	reason TEXT,
	late SMALLINT DEFAULT '0' NOT NULL,
	forced SMALLINT DEFAULT '0' NOT NULL,
	stop_requested_at TIMESTAMP WITHOUT TIME ZONE,
	CONSTRAINT pk_etl_job_runs PRIMARY KEY (id),
	UNIQUE (live_key)
);
CREATE INDEX ix_etl_job_runs_completed_at ON etl_job_runs (completed_at);
CREATE INDEX ix_etl_job_runs_dagster_run_id ON etl_job_runs (dagster_run_id);
CREATE INDEX ix_etl_job_runs_day ON etl_job_runs (job_name, target_date, status);
COMMENT ON TABLE etl_job_runs IS 'Every run of every job and day: registry and queue';
COMMENT ON COLUMN etl_job_runs.id IS 'Number of the row';
COMMENT ON COLUMN etl_job_runs.job_name IS 'activity_counts, user_counts, user_activity, ...';
COMMENT ON COLUMN etl_job_runs.target_date IS 'Local day that the run loads; NULL for a snapshot';
COMMENT ON COLUMN etl_job_runs.trigger IS 'schedule, sensor, late, api, cli, backfill or ui';
COMMENT ON COLUMN etl_job_runs.status IS 'QUEUED RUNNING SUCCESS FAILED SKIPPED MISSED STOPPED';
COMMENT ON COLUMN etl_job_runs.live_key IS 'job:day while queued or running, else NULL';
COMMENT ON COLUMN etl_job_runs.attempt IS '1 for the first run of a job and day';
COMMENT ON COLUMN etl_job_runs.progress_offset IS 'Rows loaded so far';
COMMENT ON COLUMN etl_job_runs.numrow IS 'Rows to load';
COMMENT ON COLUMN etl_job_runs.limit_size IS 'Rows per batch';
COMMENT ON COLUMN etl_job_runs.rows_read IS 'Rows read from the source';
COMMENT ON COLUMN etl_job_runs.rows_inserted IS 'Rows added';
COMMENT ON COLUMN etl_job_runs.rows_updated IS 'Rows changed';
COMMENT ON COLUMN etl_job_runs.rows_deleted IS 'Rows removed';
COMMENT ON COLUMN etl_job_runs.rows_rejected IS 'Rows that could not be loaded';
COMMENT ON COLUMN etl_job_runs.source_max_id IS 'Largest source id that the run has seen';
COMMENT ON COLUMN etl_job_runs.duration_seconds IS 'completed_at minus started_at';
COMMENT ON COLUMN etl_job_runs.error IS 'Why it failed';
COMMENT ON COLUMN etl_job_runs.dagster_run_id IS 'Run in Dagster';
COMMENT ON COLUMN etl_job_runs.root_run_id IS 'First run in Dagster of which this one is a retry';
COMMENT ON COLUMN etl_job_runs.heartbeat_at IS 'Last sign of life, UTC';
COMMENT ON COLUMN etl_job_runs.requested_at IS 'UTC';
COMMENT ON COLUMN etl_job_runs.started_at IS 'UTC';
COMMENT ON COLUMN etl_job_runs.completed_at IS 'UTC';
COMMENT ON COLUMN etl_job_runs.reason IS 'Why it was asked for, skipped, missed or stopped';
COMMENT ON COLUMN etl_job_runs.late IS '1 if the day''s window was closed';
COMMENT ON COLUMN etl_job_runs.forced IS '1 if asked for with force';
COMMENT ON COLUMN etl_job_runs.stop_requested_at IS 'When somebody asked it to stop, UTC';
CREATE TABLE etl_restatements (
	id BIGSERIAL NOT NULL,
	target_date DATE NOT NULL,
	job_name VARCHAR(100) NOT NULL,
	reason TEXT,
	rows_read_before BIGINT,
	rows_read_after BIGINT,
	measure VARCHAR(10) NOT NULL,
	total_before BIGINT NOT NULL,
	total_after BIGINT NOT NULL,
	courses_changed INTEGER NOT NULL,
	biggest_course BIGINT,
	biggest_change BIGINT NOT NULL,
	run_id BIGINT NOT NULL,
	recorded_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	CONSTRAINT pk_etl_restatements PRIMARY KEY (id)
);
CREATE INDEX ix_etl_restatements_target_date ON etl_restatements (target_date, job_name);
COMMENT ON TABLE etl_restatements IS 'Every load that changed the numbers of a day that was loaded already: what changed, and by how much';
COMMENT ON COLUMN etl_restatements.id IS 'Number of the row';
COMMENT ON COLUMN etl_restatements.target_date IS 'Local day of the site whose numbers changed';
COMMENT ON COLUMN etl_restatements.job_name IS 'activity_counts, user_counts or user_activity';
COMMENT ON COLUMN etl_restatements.reason IS 'Why the day was loaded again';
COMMENT ON COLUMN etl_restatements.rows_read_before IS 'Rows of the source that the load before was made of';
COMMENT ON COLUMN etl_restatements.rows_read_after IS 'Rows of the source that this load was made of';
COMMENT ON COLUMN etl_restatements.measure IS 'What the totals count: views, or people with a role';
COMMENT ON COLUMN etl_restatements.total_before IS 'Sum of the measure over the day before';
COMMENT ON COLUMN etl_restatements.total_after IS 'Sum of the measure over the day after';
COMMENT ON COLUMN etl_restatements.courses_changed IS 'Rows added, changed or removed, one a course';
COMMENT ON COLUMN etl_restatements.biggest_course IS 'mdl_course.id whose measure changed most; NULL if none did';
COMMENT ON COLUMN etl_restatements.biggest_change IS 'By how much it changed there';
COMMENT ON COLUMN etl_restatements.run_id IS 'etl_job_runs.id of the load that changed the day';
COMMENT ON COLUMN etl_restatements.recorded_at IS 'UTC';
CREATE TABLE etl_watermarks (
	name VARCHAR(50) NOT NULL,
	source_max_id BIGINT NOT NULL,
	overlap_from BIGINT NOT NULL,
	overlap_rows BIGINT NOT NULL,
	checked_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	reason TEXT,
	CONSTRAINT pk_etl_watermarks PRIMARY KEY (name)
);
COMMENT ON TABLE etl_watermarks IS 'How far a source has been looked through for rows that came late';
COMMENT ON COLUMN etl_watermarks.name IS 'What is watched: moodle_log';
COMMENT ON COLUMN etl_watermarks.source_max_id IS 'Largest source id that was looked at';
COMMENT ON COLUMN etl_watermarks.overlap_from IS 'Id above which the next look reads again';
COMMENT ON COLUMN etl_watermarks.overlap_rows IS 'Rows between the two at the last look';
COMMENT ON COLUMN etl_watermarks.checked_at IS 'Last look, UTC';
COMMENT ON COLUMN etl_watermarks.reason IS 'Why it was set back the last time';
CREATE TABLE local_alx_api_logs (
	id BIGSERIAL NOT NULL,
	userid BIGINT DEFAULT '0' NOT NULL,
	username VARCHAR(100),
	companyid BIGINT,
	company_shortname VARCHAR(255),
	endpoint VARCHAR(100) NOT NULL,
	record_count INTEGER DEFAULT '0' NOT NULL,
	error_code VARCHAR(50),
	error_message TEXT,
	response_time_ms NUMERIC(10, 2) NOT NULL,
	timeaccessed BIGINT NOT NULL,
	ip_address VARCHAR(45) NOT NULL,
	user_agent VARCHAR(255),
	cache_hit SMALLINT,
	additional_data TEXT,
	CONSTRAINT pk_local_alx_api_logs PRIMARY KEY (id)
);
CREATE INDEX ix_local_alx_api_logs_companyid ON local_alx_api_logs (companyid, timeaccessed);
CREATE INDEX ix_local_alx_api_logs_timeaccessed ON local_alx_api_logs (timeaccessed);
COMMENT ON TABLE local_alx_api_logs IS 'Calls of the report API, also those refused';
COMMENT ON COLUMN local_alx_api_logs.id IS 'Number of the row';
COMMENT ON COLUMN local_alx_api_logs.userid IS 'api_tokens.id; 0 if unknown';
COMMENT ON COLUMN local_alx_api_logs.username IS 'On whose behalf the token acts';
COMMENT ON COLUMN local_alx_api_logs.companyid IS 'companies.companyid; NULL if unknown';
COMMENT ON COLUMN local_alx_api_logs.company_shortname IS 'companies.shortname';
COMMENT ON COLUMN local_alx_api_logs.endpoint IS 'Function or route';
COMMENT ON COLUMN local_alx_api_logs.record_count IS 'Rows in the answer';
COMMENT ON COLUMN local_alx_api_logs.error_code IS 'NULL for a success';
COMMENT ON COLUMN local_alx_api_logs.error_message IS 'Without secrets and values of rows';
COMMENT ON COLUMN local_alx_api_logs.response_time_ms IS 'Milliseconds';
COMMENT ON COLUMN local_alx_api_logs.timeaccessed IS 'Unix seconds';
COMMENT ON COLUMN local_alx_api_logs.ip_address IS 'IPv4 or IPv6';
COMMENT ON COLUMN local_alx_api_logs.user_agent IS 'As sent, cut';
COMMENT ON COLUMN local_alx_api_logs.cache_hit IS '1 from the cache, 0 not, NULL where none was asked';
COMMENT ON COLUMN local_alx_api_logs.additional_data IS 'JSON: limit, offset, mode, request_method';
CREATE TABLE local_alx_api_reporting (
	id BIGSERIAL NOT NULL,
	userid BIGINT NOT NULL,
	companyid BIGINT NOT NULL,
	courseid BIGINT NOT NULL,
	firstname TEXT NOT NULL,
	lastname TEXT NOT NULL,
	email TEXT NOT NULL,
	coursename TEXT NOT NULL,
	timecompleted BIGINT DEFAULT '0' NOT NULL,
	timestarted BIGINT DEFAULT '0' NOT NULL,
	percentage NUMERIC(5, 2) NOT NULL,
	status VARCHAR(20) DEFAULT 'not_started' NOT NULL,
	last_updated BIGINT DEFAULT '0' NOT NULL,
	change_number BIGINT NOT NULL,
	is_deleted SMALLINT DEFAULT '0' NOT NULL,
	created_at TIMESTAMP WITHOUT TIME ZONE DEFAULT current_timestamp NOT NULL,
	updated_at TIMESTAMP WITHOUT TIME ZONE DEFAULT current_timestamp NOT NULL,
	CONSTRAINT pk_local_alx_api_reporting PRIMARY KEY (id),
	CONSTRAINT unique_company_user_course UNIQUE (companyid, userid, courseid)
);
CREATE INDEX ix_local_alx_api_reporting_change ON local_alx_api_reporting (companyid, change_number, userid, courseid);
CREATE INDEX ix_local_alx_api_reporting_last_updated ON local_alx_api_reporting (last_updated);
COMMENT ON TABLE local_alx_api_reporting IS 'Progress of one user in one course, for one company';
COMMENT ON COLUMN local_alx_api_reporting.id IS 'Number of the row';
COMMENT ON COLUMN local_alx_api_reporting.userid IS 'mdl_user.id';
COMMENT ON COLUMN local_alx_api_reporting.companyid IS 'companies.companyid';
COMMENT ON COLUMN local_alx_api_reporting.courseid IS 'mdl_course.id';
COMMENT ON COLUMN local_alx_api_reporting.firstname IS 'First name';
COMMENT ON COLUMN local_alx_api_reporting.lastname IS 'Last name';
COMMENT ON COLUMN local_alx_api_reporting.email IS 'Mail address';
COMMENT ON COLUMN local_alx_api_reporting.coursename IS 'Full name of the course';
COMMENT ON COLUMN local_alx_api_reporting.timecompleted IS 'When the course was completed; 0 while it is not, unix seconds';
COMMENT ON COLUMN local_alx_api_reporting.timestarted IS 'When the user began, else was enrolled; 0 if neither, unix seconds';
COMMENT ON COLUMN local_alx_api_reporting.percentage IS 'Completed of tracked modules';
COMMENT ON COLUMN local_alx_api_reporting.status IS 'completed, in_progress, not_started or not_enrolled';
COMMENT ON COLUMN local_alx_api_reporting.last_updated IS 'Start of the load that last changed the row, unix seconds';
COMMENT ON COLUMN local_alx_api_reporting.change_number IS 'companies.change_number of the load that changed it';
COMMENT ON COLUMN local_alx_api_reporting.is_deleted IS '1: a tombstone';
COMMENT ON COLUMN local_alx_api_reporting.created_at IS 'First loaded, UTC';
COMMENT ON COLUMN local_alx_api_reporting.updated_at IS 'Last changed, UTC';
CREATE TABLE local_alx_api_settings (
	id BIGSERIAL NOT NULL,
	companyid BIGINT NOT NULL,
	setting_name VARCHAR(100) NOT NULL,
	setting_value BIGINT NOT NULL,
	timecreated BIGINT NOT NULL,
	timemodified BIGINT NOT NULL,
	CONSTRAINT pk_local_alx_api_settings PRIMARY KEY (id),
	CONSTRAINT unique_company_setting UNIQUE (companyid, setting_name)
);
COMMENT ON TABLE local_alx_api_settings IS 'Settings of a company; what is not here has its default';
COMMENT ON COLUMN local_alx_api_settings.id IS 'Number of the row';
COMMENT ON COLUMN local_alx_api_settings.companyid IS 'companies.companyid';
COMMENT ON COLUMN local_alx_api_settings.setting_name IS 'field_email, course_12, sync_mode, ...';
COMMENT ON COLUMN local_alx_api_settings.setting_value IS 'A number; 1 and 0 for on and off';
COMMENT ON COLUMN local_alx_api_settings.timecreated IS 'Unix seconds';
COMMENT ON COLUMN local_alx_api_settings.timemodified IS 'Unix seconds';
CREATE TABLE local_alx_api_sync_status (
	id BIGSERIAL NOT NULL,
	companyid BIGINT NOT NULL,
	token_hash VARCHAR(64) NOT NULL,
	last_sync_timestamp BIGINT DEFAULT '0' NOT NULL,
	change_number BIGINT DEFAULT '0' NOT NULL,
	sync_mode VARCHAR(20) DEFAULT 'auto' NOT NULL,
	sync_window_hours INTEGER DEFAULT '24' NOT NULL,
	last_sync_records INTEGER DEFAULT '0' NOT NULL,
	last_sync_status VARCHAR(20) NOT NULL,
	last_sync_error TEXT,
	total_syncs INTEGER DEFAULT '0' NOT NULL,
	content_mark VARCHAR(16),
	pull_mode VARCHAR(12),
	pull_after BIGINT,
	pull_through BIGINT,
	pull_offset BIGINT,
	pull_userid BIGINT,
	pull_courseid BIGINT,
	pull_started_at TIMESTAMP WITHOUT TIME ZONE,
	pull_ended_at TIMESTAMP WITHOUT TIME ZONE,
	created_at TIMESTAMP WITHOUT TIME ZONE DEFAULT current_timestamp NOT NULL,
	updated_at TIMESTAMP WITHOUT TIME ZONE DEFAULT current_timestamp NOT NULL,
	CONSTRAINT pk_local_alx_api_sync_status PRIMARY KEY (id),
	CONSTRAINT unique_company_token UNIQUE (companyid, token_hash)
);
COMMENT ON TABLE local_alx_api_sync_status IS 'How far each token of a company has read';
COMMENT ON COLUMN local_alx_api_sync_status.id IS 'Number of the row';
COMMENT ON COLUMN local_alx_api_sync_status.companyid IS 'companies.companyid';
COMMENT ON COLUMN local_alx_api_sync_status.token_hash IS 'SHA-256 of the token that pulls, hex';
COMMENT ON COLUMN local_alx_api_sync_status.last_sync_timestamp IS 'Last pull that ended, unix seconds';
COMMENT ON COLUMN local_alx_api_sync_status.change_number IS 'The token has every change up to it';
COMMENT ON COLUMN local_alx_api_sync_status.sync_mode IS 'Mode of the last pull';
COMMENT ON COLUMN local_alx_api_sync_status.sync_window_hours IS 'Hours';
COMMENT ON COLUMN local_alx_api_sync_status.last_sync_records IS 'Rows of the last pull that ended';
COMMENT ON COLUMN local_alx_api_sync_status.last_sync_status IS 'success, failed, or started while a full one runs';
COMMENT ON COLUMN local_alx_api_sync_status.last_sync_error IS 'Why it failed';
COMMENT ON COLUMN local_alx_api_sync_status.total_syncs IS 'Pulls that ended';
COMMENT ON COLUMN local_alx_api_sync_status.content_mark IS 'Digest of the fields and courses that the last pull had';
COMMENT ON COLUMN local_alx_api_sync_status.pull_mode IS 'first, full or incremental: the pull under way, or the last one';
COMMENT ON COLUMN local_alx_api_sync_status.pull_after IS 'Its rows changed after this change number';
COMMENT ON COLUMN local_alx_api_sync_status.pull_through IS 'and at least up to this one, for all of its pages';
COMMENT ON COLUMN local_alx_api_sync_status.pull_offset IS 'Rows delivered by its pages so far';
COMMENT ON COLUMN local_alx_api_sync_status.pull_userid IS 'The last of those rows: its userid';
COMMENT ON COLUMN local_alx_api_sync_status.pull_courseid IS 'and its courseid';
COMMENT ON COLUMN local_alx_api_sync_status.pull_started_at IS 'UTC';
COMMENT ON COLUMN local_alx_api_sync_status.pull_ended_at IS 'When its last page was given, UTC; NULL before';
COMMENT ON COLUMN local_alx_api_sync_status.created_at IS 'First loaded, UTC';
COMMENT ON COLUMN local_alx_api_sync_status.updated_at IS 'Last changed, UTC';
CREATE TABLE progress_syncs (
	id BIGSERIAL NOT NULL,
	companyid BIGINT NOT NULL,
	kind VARCHAR(10) NOT NULL,
	trigger VARCHAR(20) NOT NULL,
	status VARCHAR(10) NOT NULL,
	started_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	completed_at TIMESTAMP WITHOUT TIME ZONE,
	changes_from BIGINT DEFAULT '0' NOT NULL,
	changes_through BIGINT DEFAULT '0' NOT NULL,
	rows_read INTEGER DEFAULT '0' NOT NULL,
	rows_created INTEGER DEFAULT '0' NOT NULL,
	rows_updated INTEGER DEFAULT '0' NOT NULL,
	rows_deleted INTEGER DEFAULT '0' NOT NULL,
	error TEXT,
	dagster_run_id VARCHAR(36),
	CONSTRAINT pk_progress_syncs PRIMARY KEY (id)
);
CREATE INDEX ix_progress_syncs_companyid ON progress_syncs (companyid, started_at);
CREATE INDEX ix_progress_syncs_started_at ON progress_syncs (started_at);
COMMENT ON TABLE progress_syncs IS 'Every sync of every company';
COMMENT ON COLUMN progress_syncs.id IS 'Number of the row';
COMMENT ON COLUMN progress_syncs.companyid IS 'companies.companyid';
COMMENT ON COLUMN progress_syncs.kind IS 'changes, full, reconcile, cleanup or clear';
COMMENT ON COLUMN progress_syncs.trigger IS 'schedule, ui, cli or api';
COMMENT ON COLUMN progress_syncs.status IS 'running, success, failed or postponed';
COMMENT ON COLUMN progress_syncs.started_at IS 'UTC';
COMMENT ON COLUMN progress_syncs.completed_at IS 'UTC';
COMMENT ON COLUMN progress_syncs.changes_from IS 'Changes at the source from here, unix seconds';
COMMENT ON COLUMN progress_syncs.changes_through IS 'Changes at the source up to here, unix seconds';
COMMENT ON COLUMN progress_syncs.rows_read IS 'Rows that the source gave';
COMMENT ON COLUMN progress_syncs.rows_created IS 'Rows added, or back from being deleted';
COMMENT ON COLUMN progress_syncs.rows_updated IS 'Rows changed';
COMMENT ON COLUMN progress_syncs.rows_deleted IS 'Rows that became tombstones';
COMMENT ON COLUMN progress_syncs.error IS 'Why it failed or was postponed';
COMMENT ON COLUMN progress_syncs.dagster_run_id IS 'Run in Dagster';
CREATE TABLE user_activity_etl (
	id BIGSERIAL NOT NULL,
	moodle_course_id BIGINT NOT NULL,
	course_id TEXT,
	id_number TEXT,
	course_name TEXT,
	course_shortname TEXT,
	num_teachers INTEGER DEFAULT '0' NOT NULL,
	num_students INTEGER DEFAULT '0' NOT NULL,
	file_views INTEGER DEFAULT '0' NOT NULL,
	video_views INTEGER DEFAULT '0' NOT NULL,
	forum_views INTEGER DEFAULT '0' NOT NULL,
	quiz_views INTEGER DEFAULT '0' NOT NULL,
	assignment_views INTEGER DEFAULT '0' NOT NULL,
	url_views INTEGER DEFAULT '0' NOT NULL,
	total_views INTEGER DEFAULT '0' NOT NULL,
	avg_activity_per_student_per_day NUMERIC(10, 2),
	active_days INTEGER DEFAULT '0' NOT NULL,
	distinct_active_days INTEGER DEFAULT '0' NOT NULL,
	student_views INTEGER,
	extraction_date DATE NOT NULL,
	created_at TIMESTAMP WITHOUT TIME ZONE DEFAULT current_timestamp NOT NULL,
	updated_at TIMESTAMP WITHOUT TIME ZONE DEFAULT current_timestamp NOT NULL,
	CONSTRAINT pk_user_activity_etl PRIMARY KEY (id),
	CONSTRAINT unique_moodle_course_date UNIQUE (extraction_date, moodle_course_id)
);
COMMENT ON TABLE user_activity_etl IS 'The report: one visible course on one local day';
COMMENT ON COLUMN user_activity_etl.id IS 'Number of the row';
COMMENT ON COLUMN user_activity_etl.moodle_course_id IS 'mdl_course.id';
COMMENT ON COLUMN user_activity_etl.course_id IS 'Category idnumber, as the report defines it; shared by courses of a category';
COMMENT ON COLUMN user_activity_etl.id_number IS 'Course idnumber as text, may be empty';
COMMENT ON COLUMN user_activity_etl.course_name IS 'Full name';
COMMENT ON COLUMN user_activity_etl.course_shortname IS 'Short name';
COMMENT ON COLUMN user_activity_etl.num_teachers IS 'Different people with a teacher''s role in the course';
COMMENT ON COLUMN user_activity_etl.num_students IS 'Different people with a student''s role in the course';
COMMENT ON COLUMN user_activity_etl.file_views IS 'Views of files (mod_resource)';
COMMENT ON COLUMN user_activity_etl.video_views IS 'Views of pages (mod_page), which the report counts as videos';
COMMENT ON COLUMN user_activity_etl.forum_views IS 'Views of forums (mod_forum)';
COMMENT ON COLUMN user_activity_etl.quiz_views IS 'Views of quizzes (mod_quiz)';
COMMENT ON COLUMN user_activity_etl.assignment_views IS 'Views of assignments (mod_assign)';
COMMENT ON COLUMN user_activity_etl.url_views IS 'Views of links (mod_url)';
COMMENT ON COLUMN user_activity_etl.total_views IS 'Sum of the six kinds of views';
COMMENT ON COLUMN user_activity_etl.avg_activity_per_student_per_day IS 'total_views / num_students / active_days, rounded half up; NULL without students or active days';
COMMENT ON COLUMN user_activity_etl.active_days IS 'Local days from the first to the last view, both included';
COMMENT ON COLUMN user_activity_etl.distinct_active_days IS 'Local days with a view';
COMMENT ON COLUMN user_activity_etl.student_views IS 'Views by the course''s students alone; NULL unless LMS_ETL_STUDENT_VIEWS is on';
COMMENT ON COLUMN user_activity_etl.extraction_date IS 'Local day of the site that the row is about';
COMMENT ON COLUMN user_activity_etl.created_at IS 'First loaded, UTC';
COMMENT ON COLUMN user_activity_etl.updated_at IS 'Last changed, UTC';
CREATE TABLE user_counts_etl (
	id BIGSERIAL NOT NULL,
	courseid BIGINT NOT NULL,
	num_students INTEGER DEFAULT '0' NOT NULL,
	num_teachers INTEGER DEFAULT '0' NOT NULL,
	basis VARCHAR(10) DEFAULT 'current' NOT NULL,
	extraction_date DATE NOT NULL,
	created_at TIMESTAMP WITHOUT TIME ZONE DEFAULT current_timestamp NOT NULL,
	updated_at TIMESTAMP WITHOUT TIME ZONE DEFAULT current_timestamp NOT NULL,
	CONSTRAINT pk_user_counts_etl PRIMARY KEY (id),
	CONSTRAINT unique_course_date_users UNIQUE (extraction_date, courseid)
);
COMMENT ON TABLE user_counts_etl IS 'People in one course on one local day';
COMMENT ON COLUMN user_counts_etl.id IS 'Number of the row';
COMMENT ON COLUMN user_counts_etl.courseid IS 'mdl_course.id';
COMMENT ON COLUMN user_counts_etl.num_students IS 'Different people with a student''s role in the course';
COMMENT ON COLUMN user_counts_etl.num_teachers IS 'Different people with a teacher''s role in the course';
COMMENT ON COLUMN user_counts_etl.basis IS 'observed: counted the day after; replayed: from role events of the log; current: counted later';
COMMENT ON COLUMN user_counts_etl.extraction_date IS 'Local day of the site that the row is about';
COMMENT ON COLUMN user_counts_etl.created_at IS 'First loaded, UTC';
COMMENT ON COLUMN user_counts_etl.updated_at IS 'Last changed, UTC';
CREATE TABLE api_filters (
	username VARCHAR(100) NOT NULL,
	kind VARCHAR(12) NOT NULL,
	category_id BIGINT NOT NULL,
	CONSTRAINT pk_api_filters PRIMARY KEY (username, kind, category_id),
	CONSTRAINT fk_api_filters_username FOREIGN KEY(username) REFERENCES api_users (username)
);
COMMENT ON TABLE api_filters IS 'The directorates and units whose rows a reader may read; without any, none';
COMMENT ON COLUMN api_filters.username IS 'api_users.username';
COMMENT ON COLUMN api_filters.kind IS 'directorate or unit';
COMMENT ON COLUMN api_filters.category_id IS 'courses.directorate_id or courses.unit_id, by kind';
CREATE TABLE api_tokens (
	id BIGSERIAL NOT NULL,
	username VARCHAR(100) NOT NULL,
	note VARCHAR(200),
	prefix VARCHAR(16) NOT NULL,
	token_hash VARCHAR(64) NOT NULL,
	created_at TIMESTAMP WITHOUT TIME ZONE DEFAULT current_timestamp NOT NULL,
	expires_at TIMESTAMP WITHOUT TIME ZONE,
	revoked_at TIMESTAMP WITHOUT TIME ZONE,
	last_used_at TIMESTAMP WITHOUT TIME ZONE,
	CONSTRAINT pk_api_tokens PRIMARY KEY (id),
	CONSTRAINT fk_api_tokens_username FOREIGN KEY(username) REFERENCES api_users (username),
	UNIQUE (token_hash)
);
CREATE INDEX ix_api_tokens_prefix ON api_tokens (prefix);
COMMENT ON TABLE api_tokens IS 'Tokens of the API; the token itself is nowhere';
COMMENT ON COLUMN api_tokens.id IS 'Number of the row';
COMMENT ON COLUMN api_tokens.username IS 'On whose behalf it acts';
COMMENT ON COLUMN api_tokens.note IS 'What it is used for';
COMMENT ON COLUMN api_tokens.prefix IS 'Its first characters, to know it by; no secret';
COMMENT ON COLUMN api_tokens.token_hash IS 'SHA-256 of the whole token, hex';
COMMENT ON COLUMN api_tokens.created_at IS 'UTC';
COMMENT ON COLUMN api_tokens.expires_at IS 'From then on it is refused, UTC; NULL for never';
COMMENT ON COLUMN api_tokens.revoked_at IS 'When it was revoked, UTC';
COMMENT ON COLUMN api_tokens.last_used_at IS 'Last accepted, UTC; written about once a minute';
create view log_scheduler ("id", "batch_name", "offset", "numrow", "status", "limit_size", "start_date", "end_date", "error_details", "created_at", "target_date") as
-- One row is one run, under the documented names and codes: 4 queued, 2 in progress, 1 finished, 3 failed.
-- A run that was skipped finished without work; one that was missed failed. target_date is an addition.
-- The registry's column is named progress_offset because OFFSET is a reserved word: the view's name for it is made
-- with a column list, which each dialect quotes in its own way.
select
    r.id,
    r.job_name as batch_name,
    r.progress_offset,
    r.numrow,
    case r.status when 'QUEUED' then 4 when 'RUNNING' then 2 when 'SUCCESS' then 1 when 'SKIPPED' then 1 else 3 end as status,
    r.limit_size,
    r.started_at as start_date,
    r.completed_at as end_date,
    r.error as error_details,
    r.requested_at as created_at,
    r.target_date
from etl_job_runs r;
create view bi_user_activity ("extraction_date", "moodle_course_id", "course_id", "id_number", "course_name", "course_shortname", "directorate_id", "directorate", "unit_id", "unit", "num_teachers", "num_students", "file_views", "video_views", "forum_views", "quiz_views", "assignment_views", "url_views", "total_views", "avg_activity_per_student_per_day", "active_days", "distinct_active_days", "student_views", "updated_at") as
-- One row is one visible course on one local day, as the report has it, with the course's place in the site: what a BI
-- tool needs in one place. Courses that Moodle has deleted since have no place any more.
select
    r.extraction_date,
    r.moodle_course_id,
    r.course_id,
    r.id_number,
    r.course_name,
    r.course_shortname,
    c.directorate_id,
    c.directorate,
    c.unit_id,
    c.unit,
    r.num_teachers,
    r.num_students,
    r.file_views,
    r.video_views,
    r.forum_views,
    r.quiz_views,
    r.assignment_views,
    r.url_views,
    r.total_views,
    r.avg_activity_per_student_per_day,
    r.active_days,
    r.distinct_active_days,
    r.student_views,
    r.updated_at
from user_activity_etl r
left join courses c on c.moodle_course_id = r.moodle_course_id;
create view bi_days ("extraction_date", "state", "first_completed_at", "last_completed_at", "rows_read", "loaded") as
-- One row is one local day of the report: whether it was loaded in time, late or not at all, and when last.
select
    d.target_date as extraction_date,
    d.state,
    d.first_completed_at,
    d.last_completed_at,
    d.rows_read,
    case when d.run_id is null then 0 else 1 end as loaded
from etl_days d
where d.job_name = 'user_activity';
