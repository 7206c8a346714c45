-- Made from lms_etl/warehouse/tables by `python -m lms_etl.warehouse.reference`; never edited.
CREATE TABLE activity_counts_etl (
	id BIGINT NOT NULL COMMENT 'Number of the row' AUTO_INCREMENT,
	courseid BIGINT NOT NULL COMMENT 'mdl_course.id; 0 for views outside any course',
	file_views INTEGER NOT NULL COMMENT 'Views of files (mod_resource)' DEFAULT '0',
	video_views INTEGER NOT NULL COMMENT 'Views of pages (mod_page), which the report counts as videos' DEFAULT '0',
	forum_views INTEGER NOT NULL COMMENT 'Views of forums (mod_forum)' DEFAULT '0',
	quiz_views INTEGER NOT NULL COMMENT 'Views of quizzes (mod_quiz)' DEFAULT '0',
	assignment_views INTEGER NOT NULL COMMENT 'Views of assignments (mod_assign)' DEFAULT '0',
	url_views INTEGER NOT NULL COMMENT 'Views of links (mod_url)' DEFAULT '0',
	active_days INTEGER NOT NULL COMMENT 'Local days from the first to the last view, both included' DEFAULT '0',
	distinct_active_days INTEGER NOT NULL COMMENT 'Local days with a view' DEFAULT '0',
	student_views INTEGER COMMENT 'Views by the course''s students alone; NULL unless LMS_ETL_STUDENT_VIEWS is on',
	extraction_date DATE NOT NULL COMMENT 'Local day of the site that the row is about',
	created_at DATETIME(6) NOT NULL COMMENT 'First loaded, UTC' DEFAULT current_timestamp(6),
	updated_at DATETIME(6) NOT NULL COMMENT 'Last changed, UTC' DEFAULT current_timestamp(6),
	CONSTRAINT pk_activity_counts_etl PRIMARY KEY (id),
	CONSTRAINT unique_course_date UNIQUE (extraction_date, courseid)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Views of one course on one local day, only courses with a view';
CREATE TABLE alert_deliveries (
	id BIGINT NOT NULL COMMENT 'Number of the row' AUTO_INCREMENT,
	message_id BIGINT NOT NULL COMMENT 'alert_messages.id',
	alert_id BIGINT NOT NULL COMMENT 'alerts.id',
	channel VARCHAR(80) NOT NULL COMMENT 'Name of the channel, without its secrets',
	state VARCHAR(10) NOT NULL COMMENT 'waiting, sent or given_up',
	attempts INTEGER NOT NULL COMMENT 'How often it was tried' DEFAULT '0',
	next_at DATETIME(6) NOT NULL COMMENT 'Not before this moment, UTC',
	sending_at DATETIME(6) COMMENT 'When the newest attempt began, UTC',
	sent_at DATETIME(6) COMMENT 'When the channel accepted it, UTC',
	last_error LONGTEXT COMMENT 'Why the newest attempt failed',
	CONSTRAINT pk_alert_deliveries PRIMARY KEY (id),
	CONSTRAINT unique_message_channel UNIQUE (message_id, channel)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='One message to one channel: a channel that is down delays only itself';
CREATE INDEX ix_alert_deliveries_state ON alert_deliveries (state, next_at);
CREATE TABLE alert_events (
	event_key VARCHAR(171) NOT NULL COMMENT 'Names the event: run, check, tick or day',
	alert_id BIGINT NOT NULL COMMENT 'alerts.id that counted it',
	seen_at DATETIME(6) NOT NULL COMMENT 'UTC',
	CONSTRAINT pk_alert_events PRIMARY KEY (event_key)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Events that an alert has counted, so that looking at one again changes nothing';
CREATE TABLE alert_messages (
	id BIGINT NOT NULL COMMENT 'Number of the row' AUTO_INCREMENT,
	message_key VARCHAR(60) NOT NULL COMMENT 'alert:number:kind',
	alert_id BIGINT NOT NULL COMMENT 'alerts.id',
	kind VARCHAR(10) NOT NULL COMMENT 'raised, again or recovered',
	severity VARCHAR(10) NOT NULL COMMENT 'low, medium, high or critical',
	title LONGTEXT NOT NULL COMMENT 'Subject line',
	body LONGTEXT NOT NULL COMMENT 'Text',
	created_at DATETIME(6) NOT NULL COMMENT 'UTC',
	CONSTRAINT pk_alert_messages PRIMARY KEY (id),
	UNIQUE (message_key)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Messages to be sent, written in the transaction that decides to tell';
CREATE INDEX ix_alert_messages_alert_id ON alert_messages (alert_id);
CREATE TABLE alerts (
	id BIGINT NOT NULL COMMENT 'Number of the row' AUTO_INCREMENT,
	kind VARCHAR(20) NOT NULL COMMENT 'run_failed, check_failed, day_missed, ...',
	subject VARCHAR(150) NOT NULL COMMENT 'What it is about; the cooldown is kept for each',
	open_key VARCHAR(171) COMMENT 'kind:subject while open, else NULL',
	thing LONGTEXT NOT NULL COMMENT 'What has to go well for it to end: job, check, sensor, tables',
	days LONGTEXT COMMENT 'Days still to be mended, as first/last or day, separated by blanks',
	severity VARCHAR(10) NOT NULL COMMENT 'low, medium, high or critical',
	state VARCHAR(10) NOT NULL COMMENT 'open or resolved',
	title LONGTEXT NOT NULL COMMENT 'One line: what happened',
	detail LONGTEXT NOT NULL COMMENT 'The newest event''s reason, without secrets and values of rows',
	run_id VARCHAR(36) COMMENT 'Run in Dagster of the newest event',
	count INTEGER NOT NULL COMMENT 'Events of this cause' DEFAULT '0',
	swallowed INTEGER NOT NULL COMMENT 'Events since the last message' DEFAULT '0',
	told INTEGER NOT NULL COMMENT 'Messages made, the recovery note left out' DEFAULT '0',
	first_seen_at DATETIME(6) NOT NULL COMMENT 'First event, UTC',
	last_seen_at DATETIME(6) NOT NULL COMMENT 'Newest event, UTC',
	last_told_at DATETIME(6) COMMENT 'Newest message, the recovery note left out, UTC',
	resolved_at DATETIME(6) COMMENT 'When it was over, UTC',
	CONSTRAINT pk_alerts PRIMARY KEY (id),
	UNIQUE (open_key)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='What went wrong, one row for each cause from its first event to its end';
CREATE INDEX ix_alerts_kind_subject ON alerts (kind, subject);
CREATE INDEX ix_alerts_state ON alerts (state);
CREATE TABLE api_users (
	username VARCHAR(100) NOT NULL COMMENT 'As tokens name it, and the user claim of a JWT',
	`role` VARCHAR(10) NOT NULL COMMENT 'admin: every row and every action; reader: own rows',
	created_at DATETIME(6) NOT NULL COMMENT 'UTC' DEFAULT current_timestamp(6),
	disabled_at DATETIME(6) COMMENT 'Since when the user may do nothing, UTC',
	CONSTRAINT pk_api_users PRIMARY KEY (username)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Who may use the API, and with which privilege';
CREATE TABLE auth_attempts (
	id BIGINT NOT NULL COMMENT 'Number of the row' AUTO_INCREMENT,
	attempted_at DATETIME(6) NOT NULL COMMENT 'UTC' DEFAULT current_timestamp(6),
	ip_address VARCHAR(45) NOT NULL COMMENT 'IPv4 or IPv6',
	endpoint VARCHAR(100) NOT NULL COMMENT 'Function or route',
	reason VARCHAR(100) NOT NULL COMMENT 'Why it was refused: unknown, expired, revoked, ...',
	user_agent VARCHAR(255) COMMENT 'As sent, cut',
	CONSTRAINT pk_auth_attempts PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Attempts to use the API without a valid token; the token itself is nowhere';
CREATE INDEX ix_auth_attempts_attempted_at ON auth_attempts (attempted_at, ip_address);
CREATE TABLE companies (
	companyid BIGINT NOT NULL COMMENT 'companies.companyid',
	shortname VARCHAR(255) NOT NULL COMMENT 'As logs and pages name it',
	name LONGTEXT NOT NULL COMMENT 'Full name',
	origin VARCHAR(10) NOT NULL COMMENT 'iomad: company.id; category: top category; site: all',
	live SMALLINT NOT NULL COMMENT '0 once it is gone at the source' DEFAULT '1',
	synced_through BIGINT NOT NULL COMMENT 'Changes at the source are synced up to here; 0 before the first sync, unix seconds' DEFAULT '0',
	reconciled_through BIGINT NOT NULL COMMENT 'Start of the last comparison of every row with the source; 0 before the first, unix seconds' DEFAULT '0',
	change_number BIGINT NOT NULL COMMENT 'Number of the newest load that changed a row; grows in the order of commits' DEFAULT '0',
	settings_version BIGINT NOT NULL COMMENT 'Grows with each changed setting' DEFAULT '0',
	created_at DATETIME(6) NOT NULL COMMENT 'First loaded, UTC' DEFAULT current_timestamp(6),
	updated_at DATETIME(6) NOT NULL COMMENT 'Last changed, UTC' DEFAULT current_timestamp(6),
	CONSTRAINT pk_companies PRIMARY KEY (companyid)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Whose rows a reader of the report API may see: companies of IOMAD, top categories, or the whole site';
CREATE TABLE company_quotas (
	companyid BIGINT NOT NULL COMMENT 'companies.companyid',
	quota_date DATE NOT NULL COMMENT 'Local day of the site',
	used INTEGER NOT NULL COMMENT 'Calls let through' DEFAULT '0',
	refused INTEGER NOT NULL COMMENT 'Calls refused after the last one let through' DEFAULT '0',
	daily_limit INTEGER COMMENT 'Limit when last counted; NULL for none',
	CONSTRAINT pk_company_quotas PRIMARY KEY (companyid, quota_date)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Calls of a company on one day, counted in one statement each';
CREATE TABLE courses (
	moodle_course_id BIGINT NOT NULL COMMENT 'mdl_course.id',
	id_number LONGTEXT COMMENT 'Course idnumber as text, may be empty',
	course_name LONGTEXT COMMENT 'Full name',
	course_shortname LONGTEXT COMMENT 'Short name',
	visible SMALLINT NOT NULL COMMENT '1 visible, 0 hidden',
	category_id BIGINT COMMENT 'mdl_course_categories.id; 0 for the front page',
	category_name LONGTEXT COMMENT 'Name of the course''s category',
	category_idnumber LONGTEXT COMMENT 'Its idnumber: may be NULL or empty',
	category_path LONGTEXT COMMENT 'Names from the top category down, joined by '' / ''',
	directorate_id BIGINT COMMENT 'Id of the top category',
	directorate LONGTEXT COMMENT 'Name of the top category',
	unit_id BIGINT COMMENT 'Id of the second category on the path, NULL if there is none',
	unit LONGTEXT COMMENT 'Name of the second category on the path',
	created_at DATETIME(6) NOT NULL COMMENT 'First loaded, UTC' DEFAULT current_timestamp(6),
	updated_at DATETIME(6) NOT NULL COMMENT 'Last changed, UTC' DEFAULT current_timestamp(6),
	CONSTRAINT pk_courses PRIMARY KEY (moodle_course_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Courses of Moodle as last seen, one row a course';
CREATE TABLE etl_days (
	job_name VARCHAR(100) NOT NULL COMMENT 'activity_counts, user_counts, user_activity, ...',
	target_date DATE NOT NULL COMMENT 'Local day of the site',
	state VARCHAR(10) COMMENT 'met, late or missed; NULL before the window closes or the day is loaded',
	margin_minutes INTEGER COMMENT 'Minutes from the first load to the window''s end, below 0 when late',
	first_completed_at DATETIME(6) COMMENT 'First successful load, UTC',
	last_completed_at DATETIME(6) COMMENT 'Last successful load, UTC',
	missed_at DATETIME(6) COMMENT 'When the window closed without a load, UTC',
	run_id BIGINT COMMENT 'etl_job_runs.id of the last successful load',
	rows_read BIGINT COMMENT 'Rows of the source that the last load was made of',
	source_max_id BIGINT COMMENT 'Largest source id that the last load has seen',
	reason LONGTEXT COMMENT 'Why it is late or missed',
	CONSTRAINT pk_etl_days PRIMARY KEY (job_name, target_date)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='The receipt of every job and day: kept for ever, also when finished runs are purged from the registry';
CREATE TABLE etl_job_runs (
	id BIGINT NOT NULL COMMENT 'Number of the row' AUTO_INCREMENT,
	job_name VARCHAR(100) NOT NULL COMMENT 'activity_counts, user_counts, user_activity, ...',
	target_date DATE COMMENT 'Local day that the run loads; NULL for a snapshot',
	`trigger` VARCHAR(20) NOT NULL COMMENT 'schedule, sensor, late, api, cli, backfill or ui',
	status VARCHAR(10) NOT NULL COMMENT 'QUEUED RUNNING SUCCESS FAILED SKIPPED MISSED STOPPED',
	live_key VARCHAR(120) COMMENT 'job:day while queued or running, else NULL',
	attempt INTEGER NOT NULL COMMENT '1 for the first run of a job and day' DEFAULT '1',
	progress_offset BIGINT NOT NULL COMMENT 'Rows loaded so far' DEFAULT '0',
	numrow BIGINT NOT NULL COMMENT 'Rows to load' DEFAULT '0',
	limit_size INTEGER NOT NULL COMMENT 'Rows per batch' DEFAULT '1000',
	rows_read BIGINT NOT NULL COMMENT 'Rows read from the source' DEFAULT '0',
	rows_inserted BIGINT NOT NULL COMMENT 'Rows added' DEFAULT '0',
	rows_updated BIGINT NOT NULL COMMENT 'Rows changed' DEFAULT '0',
	rows_deleted BIGINT NOT NULL COMMENT 'Rows removed' DEFAULT '0',
	rows_rejected BIGINT NOT NULL COMMENT 'Rows that could not be loaded' DEFAULT '0',
	source_max_id BIGINT COMMENT 'Largest source id that the run has seen',
	duration_seconds NUMERIC(12, 3) COMMENT 'completed_at minus started_at',
	error LONGTEXT COMMENT 'Why it failed',
	dagster_run_id VARCHAR(36) COMMENT 'Run in Dagster',
	root_run_id VARCHAR(36) COMMENT 'First run in Dagster of which this one is a retry',
	heartbeat_at DATETIME(6) COMMENT 'Last sign of life, UTC',
	requested_at DATETIME(6) NOT NULL COMMENT 'UTC' DEFAULT current_timestamp(6),
	started_at DATETIME(6) COMMENT 'UTC',
	completed_at DATETIME(6) COMMENT 'UTC',
	reason LONGTEXT COMMENT 'Why it was asked for, skipped, missed or stopped',
	late SMALLINT NOT NULL COMMENT '1 if the day''s window was closed' DEFAULT '0',
	forced SMALLINT NOT NULL COMMENT '1 if asked for with force' DEFAULT '0',
	stop_requested_at DATETIME(6) COMMENT 'When somebody asked it to stop, UTC',
	CONSTRAINT pk_etl_job_runs PRIMARY KEY (id),
	UNIQUE (live_key)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Every run of every job and day: registry and queue';
CREATE INDEX ix_etl_job_runs_completed_at ON etl_job_runs (completed_at);
CREATE INDEX ix_etl_job_runs_dagster_run_id ON etl_job_runs (dagster_run_id);
CREATE INDEX ix_etl_job_runs_day ON etl_job_runs (job_name, target_date, status);
CREATE TABLE etl_restatements (
	id BIGINT NOT NULL COMMENT 'Number of the row' AUTO_INCREMENT,
	target_date DATE NOT NULL COMMENT 'Local day of the site whose numbers changed',
	job_name VARCHAR(100) NOT NULL COMMENT 'activity_counts, user_counts or user_activity',
	reason LONGTEXT COMMENT 'Why the day was loaded again',
	rows_read_before BIGINT COMMENT 'Rows of the source that the load before was made of',
	rows_read_after BIGINT COMMENT 'Rows of the source that this load was made of',
	measure VARCHAR(10) NOT NULL COMMENT 'What the totals count: views, or people with a role',
	total_before BIGINT NOT NULL COMMENT 'Sum of the measure over the day before',
	total_after BIGINT NOT NULL COMMENT 'Sum of the measure over the day after',
	courses_changed INTEGER NOT NULL COMMENT 'Rows added, changed or removed, one a course',
	biggest_course BIGINT COMMENT 'mdl_course.id whose measure changed most; NULL if none did',
	biggest_change BIGINT NOT NULL COMMENT 'By how much it changed there',
	run_id BIGINT NOT NULL COMMENT 'etl_job_runs.id of the load that changed the day',
	recorded_at DATETIME(6) NOT NULL COMMENT 'UTC',
	CONSTRAINT pk_etl_restatements PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Every load that changed the numbers of a day that was loaded already: what changed, and by how much';
CREATE INDEX ix_etl_restatements_target_date ON etl_restatements (target_date, job_name);
CREATE TABLE etl_watermarks (
	name VARCHAR(50) NOT NULL COMMENT 'What is watched: moodle_log',
	source_max_id BIGINT NOT NULL COMMENT 'Largest source id that was looked at',
	overlap_from BIGINT NOT NULL COMMENT 'Id above which the next look reads again',
	overlap_rows BIGINT NOT NULL COMMENT 'Rows between the two at the last look',
	checked_at DATETIME(6) NOT NULL COMMENT 'Last look, UTC',
	reason LONGTEXT COMMENT 'Why it was set back the last time',
	CONSTRAINT pk_etl_watermarks PRIMARY KEY (name)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='How far a source has been looked through for rows that came late';
CREATE TABLE local_alx_api_logs (
	id BIGINT NOT NULL COMMENT 'Number of the row' AUTO_INCREMENT,
	userid BIGINT NOT NULL COMMENT 'api_tokens.id; 0 if unknown' DEFAULT '0',
	username VARCHAR(100) COMMENT 'On whose behalf the token acts',
	companyid BIGINT COMMENT 'companies.companyid; NULL if unknown',
	company_shortname VARCHAR(255) COMMENT 'companies.shortname',
	endpoint VARCHAR(100) NOT NULL COMMENT 'Function or route',
	record_count INTEGER NOT NULL COMMENT 'Rows in the answer' DEFAULT '0',
	error_code VARCHAR(50) COMMENT 'NULL for a success',
	error_message LONGTEXT COMMENT 'Without secrets and values of rows',
	response_time_ms NUMERIC(10, 2) NOT NULL COMMENT 'Milliseconds',
	timeaccessed BIGINT NOT NULL COMMENT 'Unix seconds',
	ip_address VARCHAR(45) NOT NULL COMMENT 'IPv4 or IPv6',
	user_agent VARCHAR(255) COMMENT 'As sent, cut',
	cache_hit SMALLINT COMMENT '1 from the cache, 0 not, NULL where none was asked',
	additional_data LONGTEXT COMMENT 'JSON: limit, offset, mode, request_method',
	CONSTRAINT pk_local_alx_api_logs PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Calls of the report API, also those refused';
CREATE INDEX ix_local_alx_api_logs_companyid ON local_alx_api_logs (companyid, timeaccessed);
CREATE INDEX ix_local_alx_api_logs_timeaccessed ON local_alx_api_logs (timeaccessed);
CREATE TABLE local_alx_api_reporting (
	id BIGINT NOT NULL COMMENT 'Number of the row' AUTO_INCREMENT,
	userid BIGINT NOT NULL COMMENT 'mdl_user.id',
	companyid BIGINT NOT NULL COMMENT 'companies.companyid',
	courseid BIGINT NOT NULL COMMENT 'mdl_course.id',
	firstname LONGTEXT NOT NULL COMMENT 'First name',
	lastname LONGTEXT NOT NULL COMMENT 'Last name',
	email LONGTEXT NOT NULL COMMENT 'Mail address',
	coursename LONGTEXT NOT NULL COMMENT 'Full name of the course',
	timecompleted BIGINT NOT NULL COMMENT 'When the course was completed; 0 while it is not, unix seconds' DEFAULT '0',
	timestarted BIGINT NOT NULL COMMENT 'When the user began, else was enrolled; 0 if neither, unix seconds' DEFAULT '0',
	percentage NUMERIC(5, 2) NOT NULL COMMENT 'Completed of tracked modules',
	status VARCHAR(20) NOT NULL COMMENT 'completed, in_progress, not_started or not_enrolled' DEFAULT 'not_started',
	last_updated BIGINT NOT NULL COMMENT 'Start of the load that last changed the row, unix seconds' DEFAULT '0',
	change_number BIGINT NOT NULL COMMENT 'companies.change_number of the load that changed it',
	is_deleted SMALLINT NOT NULL COMMENT '1: a tombstone' DEFAULT '0',
	created_at DATETIME(6) NOT NULL COMMENT 'First loaded, UTC' DEFAULT current_timestamp(6),
	updated_at DATETIME(6) NOT NULL COMMENT 'Last changed, UTC' DEFAULT current_timestamp(6),
	CONSTRAINT pk_local_alx_api_reporting PRIMARY KEY (id),
	CONSTRAINT unique_company_user_course UNIQUE (companyid, userid, courseid)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Progress of one user in one course, for one company';
CREATE INDEX ix_local_alx_api_reporting_change ON local_alx_api_reporting (companyid, change_number, userid, courseid);
CREATE INDEX ix_local_alx_api_reporting_last_updated ON local_alx_api_reporting (last_updated);
CREATE TABLE local_alx_api_settings (
	id BIGINT NOT NULL COMMENT 'Number of the row' AUTO_INCREMENT,
	companyid BIGINT NOT NULL COMMENT 'companies.companyid',
	setting_name VARCHAR(100) NOT NULL COMMENT 'field_email, course_12, sync_mode, ...',
	setting_value BIGINT NOT NULL COMMENT 'A number; 1 and 0 for on and off',
	timecreated BIGINT NOT NULL COMMENT 'Unix seconds',
	timemodified BIGINT NOT NULL COMMENT 'Unix seconds',
	CONSTRAINT pk_local_alx_api_settings PRIMARY KEY (id),
	CONSTRAINT unique_company_setting UNIQUE (companyid, setting_name)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Settings of a company; what is not here has its default';
CREATE TABLE local_alx_api_sync_status (
	id BIGINT NOT NULL COMMENT 'Number of the row' AUTO_INCREMENT,
	companyid BIGINT NOT NULL COMMENT 'companies.companyid',
	token_hash VARCHAR(64) NOT NULL COMMENT 'SHA-256 of the token that pulls, hex',
	last_sync_timestamp BIGINT NOT NULL COMMENT 'Last pull that ended, unix seconds' DEFAULT '0',
	change_number BIGINT NOT NULL COMMENT 'The token has every change up to it' DEFAULT '0',
	sync_mode VARCHAR(20) NOT NULL COMMENT 'Mode of the last pull' DEFAULT 'auto',
	sync_window_hours INTEGER NOT NULL COMMENT 'Hours' DEFAULT '24',
	last_sync_records INTEGER NOT NULL COMMENT 'Rows of the last pull that ended' DEFAULT '0',
	last_sync_status VARCHAR(20) NOT NULL COMMENT 'success, failed, or started while a full one runs',
	last_sync_error LONGTEXT COMMENT 'Why it failed',
	total_syncs INTEGER NOT NULL COMMENT 'Pulls that ended' DEFAULT '0',
	content_mark VARCHAR(16) COMMENT 'Digest of the fields and courses that the last pull had',
	pull_mode VARCHAR(12) COMMENT 'first, full or incremental: the pull under way, or the last one',
	pull_after BIGINT COMMENT 'Its rows changed after this change number',
	pull_through BIGINT COMMENT 'and at least up to this one, for all of its pages',
	pull_offset BIGINT COMMENT 'Rows delivered by its pages so far',
	pull_userid BIGINT COMMENT 'The last of those rows: its userid',
	pull_courseid BIGINT COMMENT 'and its courseid',
	pull_started_at DATETIME(6) COMMENT 'UTC',
	pull_ended_at DATETIME(6) COMMENT 'When its last page was given, UTC; NULL before',
	created_at DATETIME(6) NOT NULL COMMENT 'First loaded, UTC' DEFAULT current_timestamp(6),
	updated_at DATETIME(6) NOT NULL COMMENT 'Last changed, UTC' DEFAULT current_timestamp(6),
	CONSTRAINT pk_local_alx_api_sync_status PRIMARY KEY (id),
	CONSTRAINT unique_company_token UNIQUE (companyid, token_hash)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='How far each token of a company has read';
CREATE TABLE progress_syncs (
	id BIGINT NOT NULL COMMENT 'Number of the row' AUTO_INCREMENT,
	companyid BIGINT NOT NULL COMMENT 'companies.companyid',
	kind VARCHAR(10) NOT NULL COMMENT 'changes, full, reconcile, cleanup or clear',
	`trigger` VARCHAR(20) NOT NULL COMMENT 'schedule, ui, cli or api',
	status VARCHAR(10) NOT NULL COMMENT 'running, success, failed or postponed',
	started_at DATETIME(6) NOT NULL COMMENT 'UTC',
	completed_at DATETIME(6) COMMENT 'UTC',
	changes_from BIGINT NOT NULL COMMENT 'Changes at the source from here, unix seconds' DEFAULT '0',
	changes_through BIGINT NOT NULL COMMENT 'Changes at the source up to here, unix seconds' DEFAULT '0',
	rows_read INTEGER NOT NULL COMMENT 'Rows that the source gave' DEFAULT '0',
	rows_created INTEGER NOT NULL COMMENT 'Rows added, or back from being deleted' DEFAULT '0',
	rows_updated INTEGER NOT NULL COMMENT 'Rows changed' DEFAULT '0',
	rows_deleted INTEGER NOT NULL COMMENT 'Rows that became tombstones' DEFAULT '0',
	error LONGTEXT COMMENT 'Why it failed or was postponed',
	dagster_run_id VARCHAR(36) COMMENT 'Run in Dagster',
	CONSTRAINT pk_progress_syncs PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Every sync of every company';
CREATE INDEX ix_progress_syncs_companyid ON progress_syncs (companyid, started_at);
CREATE INDEX ix_progress_syncs_started_at ON progress_syncs (started_at);
CREATE TABLE user_activity_etl (
	id BIGINT NOT NULL COMMENT 'Number of the row' AUTO_INCREMENT,
	moodle_course_id BIGINT NOT NULL COMMENT 'mdl_course.id',
	course_id LONGTEXT COMMENT 'Category idnumber, as the report defines it; shared by courses of a category',
	id_number LONGTEXT COMMENT 'Course idnumber as text, may be empty',
	course_name LONGTEXT COMMENT 'Full name',
	course_shortname LONGTEXT COMMENT 'Short name',
	num_teachers INTEGER NOT NULL COMMENT 'Different people with a teacher''s role in the course' DEFAULT '0',
	num_students INTEGER NOT NULL COMMENT 'Different people with a student''s role in the course' DEFAULT '0',
	file_views INTEGER NOT NULL COMMENT 'Views of files (mod_resource)' DEFAULT '0',
	video_views INTEGER NOT NULL COMMENT 'Views of pages (mod_page), which the report counts as videos' DEFAULT '0',
	forum_views INTEGER NOT NULL COMMENT 'Views of forums (mod_forum)' DEFAULT '0',
	quiz_views INTEGER NOT NULL COMMENT 'Views of quizzes (mod_quiz)' DEFAULT '0',
	assignment_views INTEGER NOT NULL COMMENT 'Views of assignments (mod_assign)' DEFAULT '0',
	url_views INTEGER NOT NULL COMMENT 'Views of links (mod_url)' DEFAULT '0',
	total_views INTEGER NOT NULL COMMENT 'Sum of the six kinds of views' DEFAULT '0',
	avg_activity_per_student_per_day NUMERIC(10, 2) COMMENT 'total_views / num_students / active_days, rounded half up; NULL without students or active days',
	active_days INTEGER NOT NULL COMMENT 'Local days from the first to the last view, both included' DEFAULT '0',
	distinct_active_days INTEGER NOT NULL COMMENT 'Local days with a view' DEFAULT '0',
	student_views INTEGER COMMENT 'Views by the course''s students alone; NULL unless LMS_ETL_STUDENT_VIEWS is on',
	extraction_date DATE NOT NULL COMMENT 'Local day of the site that the row is about',
	created_at DATETIME(6) NOT NULL COMMENT 'First loaded, UTC' DEFAULT current_timestamp(6),
	updated_at DATETIME(6) NOT NULL COMMENT 'Last changed, UTC' DEFAULT current_timestamp(6),
	CONSTRAINT pk_user_activity_etl PRIMARY KEY (id),
	CONSTRAINT unique_moodle_course_date UNIQUE (extraction_date, moodle_course_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='The report: one visible course on one local day';
CREATE TABLE user_counts_etl (
	id BIGINT NOT NULL COMMENT 'Number of the row' AUTO_INCREMENT,
	courseid BIGINT NOT NULL COMMENT 'mdl_course.id',
	num_students INTEGER NOT NULL COMMENT 'Different people with a student''s role in the course' DEFAULT '0',
	num_teachers INTEGER NOT NULL COMMENT 'Different people with a teacher''s role in the course' DEFAULT '0',
	basis VARCHAR(10) NOT NULL COMMENT 'observed: counted the day after; replayed: from role events of the log; current: counted later' DEFAULT 'current',
	extraction_date DATE NOT NULL COMMENT 'Local day of the site that the row is about',
	created_at DATETIME(6) NOT NULL COMMENT 'First loaded, UTC' DEFAULT current_timestamp(6),
	updated_at DATETIME(6) NOT NULL COMMENT 'Last changed, UTC' DEFAULT current_timestamp(6),
	CONSTRAINT pk_user_counts_etl PRIMARY KEY (id),
	CONSTRAINT unique_course_date_users UNIQUE (extraction_date, courseid)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='People in one course on one local day';
CREATE TABLE api_filters (
	username VARCHAR(100) NOT NULL COMMENT 'api_users.username',
	kind VARCHAR(12) NOT NULL COMMENT 'directorate or unit',
	category_id BIGINT NOT NULL COMMENT 'courses.directorate_id or courses.unit_id, by kind',
	CONSTRAINT pk_api_filters PRIMARY KEY (username, kind, category_id),
	CONSTRAINT fk_api_filters_username FOREIGN KEY(username) REFERENCES api_users (username)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='The directorates and units whose rows a reader may read; without any, none';
CREATE TABLE api_tokens (
	id BIGINT NOT NULL COMMENT 'Number of the row' AUTO_INCREMENT,
	username VARCHAR(100) NOT NULL COMMENT 'On whose behalf it acts',
	note VARCHAR(200) COMMENT 'What it is used for',
	prefix VARCHAR(16) NOT NULL COMMENT 'Its first characters, to know it by; no secret',
	token_hash VARCHAR(64) NOT NULL COMMENT 'SHA-256 of the whole token, hex',
	created_at DATETIME(6) NOT NULL COMMENT 'UTC' DEFAULT current_timestamp(6),
	expires_at DATETIME(6) COMMENT 'From then on it is refused, UTC; NULL for never',
	revoked_at DATETIME(6) COMMENT 'When it was revoked, UTC',
	last_used_at DATETIME(6) COMMENT 'Last accepted, UTC; written about once a minute',
	CONSTRAINT pk_api_tokens PRIMARY KEY (id),
	CONSTRAINT fk_api_tokens_username FOREIGN KEY(username) REFERENCES api_users (username),
	UNIQUE (token_hash)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Tokens of the API; the token itself is nowhere';
CREATE INDEX ix_api_tokens_prefix ON api_tokens (prefix);
create view log_scheduler (`id`, `batch_name`, `offset`, `numrow`, `status`, `limit_size`, `start_date`, `end_date`, `error_details`, `created_at`, `target_date`) as
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
create view bi_user_activity (`extraction_date`, `moodle_course_id`, `course_id`, `id_number`, `course_name`, `course_shortname`, `directorate_id`, `directorate`, `unit_id`, `unit`, `num_teachers`, `num_students`, `file_views`, `video_views`, `forum_views`, `quiz_views`, `assignment_views`, `url_views`, `total_views`, `avg_activity_per_student_per_day`, `active_days`, `distinct_active_days`, `student_views`, `updated_at`) as
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
create view bi_days (`extraction_date`, `state`, `first_completed_at`, `last_completed_at`, `rows_read`, `loaded`) as
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
