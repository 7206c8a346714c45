-- Made from lms_etl/warehouse/tables by `python -m lms_etl.warehouse.reference`; never edited.
CREATE TABLE activity_counts_etl (
	id INTEGER NOT NULL,
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
	created_at DATETIME DEFAULT current_timestamp NOT NULL,
	updated_at DATETIME DEFAULT current_timestamp NOT NULL,
	CONSTRAINT pk_activity_counts_etl PRIMARY KEY (id),
	CONSTRAINT unique_course_date UNIQUE (extraction_date, courseid)
);
CREATE TABLE alert_deliveries (
	id INTEGER NOT NULL,
	message_id BIGINT NOT NULL,
	alert_id BIGINT NOT NULL,
	channel VARCHAR(80) NOT NULL,
	state VARCHAR(10) NOT NULL,
	attempts INTEGER DEFAULT '0' NOT NULL,
	next_at DATETIME NOT NULL,
	sending_at DATETIME,
	sent_at DATETIME,
	last_error TEXT,
	CONSTRAINT pk_alert_deliveries PRIMARY KEY (id),
	CONSTRAINT unique_message_channel UNIQUE (message_id, channel)
);
CREATE INDEX ix_alert_deliveries_state ON alert_deliveries (state, next_at);
CREATE TABLE alert_events (
	event_key VARCHAR(171) NOT NULL,
	alert_id BIGINT NOT NULL,
	seen_at DATETIME NOT NULL,
	CONSTRAINT pk_alert_events PRIMARY KEY (event_key)
);
CREATE TABLE alert_messages (
	id INTEGER NOT NULL,
	message_key VARCHAR(60) NOT NULL,
	alert_id BIGINT NOT NULL,
	kind VARCHAR(10) NOT NULL,
	severity VARCHAR(10) NOT NULL,
	title TEXT NOT NULL,
	body TEXT NOT NULL,
	created_at DATETIME NOT NULL,
	CONSTRAINT pk_alert_messages PRIMARY KEY (id),
	UNIQUE (message_key)
);
CREATE INDEX ix_alert_messages_alert_id ON alert_messages (alert_id);
CREATE TABLE alerts (
	id INTEGER NOT NULL,
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
	first_seen_at DATETIME NOT NULL,
	last_seen_at DATETIME NOT NULL,
	last_told_at DATETIME,
	resolved_at DATETIME,
	CONSTRAINT pk_alerts PRIMARY KEY (id),
	UNIQUE (open_key)
);
CREATE INDEX ix_alerts_kind_subject ON alerts (kind, subject);
CREATE INDEX ix_alerts_state ON alerts (state);
CREATE TABLE api_users (
	username VARCHAR(100) NOT NULL,
	role VARCHAR(10) NOT NULL,
	created_at DATETIME DEFAULT current_timestamp NOT NULL,
	disabled_at DATETIME,
	CONSTRAINT pk_api_users PRIMARY KEY (username)
);
CREATE TABLE auth_attempts (
	id INTEGER NOT NULL,
	attempted_at DATETIME DEFAULT current_timestamp NOT NULL,
	ip_address VARCHAR(45) NOT NULL,
	endpoint VARCHAR(100) NOT NULL,
	reason VARCHAR(100) NOT NULL,
	user_agent VARCHAR(255),
	CONSTRAINT pk_auth_attempts PRIMARY KEY (id)
);
CREATE INDEX ix_auth_attempts_attempted_at ON auth_attempts (attempted_at, ip_address);
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
	created_at DATETIME DEFAULT current_timestamp NOT NULL,
	updated_at DATETIME DEFAULT current_timestamp NOT NULL,
	CONSTRAINT pk_companies PRIMARY KEY (companyid)
);
CREATE TABLE company_quotas (
	companyid BIGINT NOT NULL,
	quota_date DATE NOT NULL,
	used INTEGER DEFAULT '0' NOT NULL,
	refused INTEGER DEFAULT '0' NOT NULL,
	daily_limit INTEGER,
	CONSTRAINT pk_company_quotas PRIMARY KEY (companyid, quota_date)
);
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
	created_at DATETIME DEFAULT current_timestamp NOT NULL,
	updated_at DATETIME DEFAULT current_timestamp NOT NULL,
	CONSTRAINT pk_courses PRIMARY KEY (moodle_course_id)
);
CREATE TABLE etl_days (
	job_name VARCHAR(100) NOT NULL,
	target_date DATE NOT NULL,
	state VARCHAR(10),
	margin_minutes INTEGER,
	first_completed_at DATETIME,
	last_completed_at DATETIME,
	missed_at DATETIME,
	run_id BIGINT,
	rows_read BIGINT,
	source_max_id BIGINT,
	reason TEXT,
	CONSTRAINT pk_etl_days PRIMARY KEY (job_name, target_date)
);
CREATE TABLE etl_job_runs (
	id INTEGER NOT NULL,
	job_name VARCHAR(100) NOT NULL,
	target_date DATE,
	"trigger" VARCHAR(20) NOT NULL,
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
	heartbeat_at DATETIME,
	requested_at DATETIME DEFAULT current_timestamp NOT NULL,
	started_at DATETIME,
	completed_at DATETIME,
	reason TEXT,
	late SMALLINT DEFAULT '0' NOT NULL,
	forced SMALLINT DEFAULT '0' NOT NULL,
	stop_requested_at DATETIME,
	CONSTRAINT pk_etl_job_runs PRIMARY KEY (id),
	UNIQUE (live_key)
);
CREATE INDEX ix_etl_job_runs_completed_at ON etl_job_runs (completed_at);
CREATE INDEX ix_etl_job_runs_dagster_run_id ON etl_job_runs (dagster_run_id);
CREATE INDEX ix_etl_job_runs_day ON etl_job_runs (job_name, target_date, status);
CREATE TABLE etl_restatements (
	id INTEGER NOT NULL,
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
	recorded_at DATETIME NOT NULL,
	CONSTRAINT pk_etl_restatements PRIMARY KEY (id)
);
CREATE INDEX ix_etl_restatements_target_date ON etl_restatements (target_date, job_name);
CREATE TABLE etl_watermarks (
	name VARCHAR(50) NOT NULL,
	source_max_id BIGINT NOT NULL,
	overlap_from BIGINT NOT NULL,
	overlap_rows BIGINT NOT NULL,
	checked_at DATETIME NOT NULL,
	reason TEXT,
	CONSTRAINT pk_etl_watermarks PRIMARY KEY (name)
);
CREATE TABLE local_alx_api_logs (
	id INTEGER NOT NULL,
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
CREATE TABLE local_alx_api_reporting (
	id INTEGER NOT NULL,
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
	created_at DATETIME DEFAULT current_timestamp NOT NULL,
	updated_at DATETIME DEFAULT current_timestamp NOT NULL,
	CONSTRAINT pk_local_alx_api_reporting PRIMARY KEY (id),
	CONSTRAINT unique_company_user_course UNIQUE (companyid, userid, courseid)
);
CREATE INDEX ix_local_alx_api_reporting_change ON local_alx_api_reporting (companyid, change_number, userid, courseid);
CREATE INDEX ix_local_alx_api_reporting_last_updated ON local_alx_api_reporting (last_updated);
CREATE TABLE local_alx_api_settings (
	id INTEGER NOT NULL,
	companyid BIGINT NOT NULL,
	setting_name VARCHAR(100) NOT NULL,
	setting_value BIGINT NOT NULL,
	timecreated BIGINT NOT NULL,
	timemodified BIGINT NOT NULL,
	CONSTRAINT pk_local_alx_api_settings PRIMARY KEY (id),
	CONSTRAINT unique_company_setting UNIQUE (companyid, setting_name)
);
CREATE TABLE local_alx_api_sync_status (
	id INTEGER NOT NULL,
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
	pull_started_at DATETIME,
	pull_ended_at DATETIME,
	created_at DATETIME DEFAULT current_timestamp NOT NULL,
	updated_at DATETIME DEFAULT current_timestamp NOT NULL,
	CONSTRAINT pk_local_alx_api_sync_status PRIMARY KEY (id),
	CONSTRAINT unique_company_token UNIQUE (companyid, token_hash)
);
CREATE TABLE progress_syncs (
	id INTEGER NOT NULL,
	companyid BIGINT NOT NULL,
	kind VARCHAR(10) NOT NULL,
	"trigger" VARCHAR(20) NOT NULL,
	status VARCHAR(10) NOT NULL,
	started_at DATETIME NOT NULL,
	completed_at DATETIME,
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
CREATE TABLE user_activity_etl (
	id INTEGER NOT NULL,
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
	created_at DATETIME DEFAULT current_timestamp NOT NULL,
	updated_at DATETIME DEFAULT current_timestamp NOT NULL,
	CONSTRAINT pk_user_activity_etl PRIMARY KEY (id),
	CONSTRAINT unique_moodle_course_date UNIQUE (extraction_date, moodle_course_id)
);
CREATE TABLE user_counts_etl (
	id INTEGER NOT NULL,
	courseid BIGINT NOT NULL,
	num_students INTEGER DEFAULT '0' NOT NULL,
	num_teachers INTEGER DEFAULT '0' NOT NULL,
	basis VARCHAR(10) DEFAULT 'current' NOT NULL,
	extraction_date DATE NOT NULL,
	created_at DATETIME DEFAULT current_timestamp NOT NULL,
	updated_at DATETIME DEFAULT current_timestamp NOT NULL,
	CONSTRAINT pk_user_counts_etl PRIMARY KEY (id),
	CONSTRAINT unique_course_date_users UNIQUE (extraction_date, courseid)
);
CREATE TABLE api_filters (
	username VARCHAR(100) NOT NULL,
	kind VARCHAR(12) NOT NULL,
	category_id BIGINT NOT NULL,
	CONSTRAINT pk_api_filters PRIMARY KEY (username, kind, category_id),
	CONSTRAINT fk_api_filters_username FOREIGN KEY(username) REFERENCES api_users (username)
);
CREATE TABLE api_tokens (
	id INTEGER NOT NULL,
	username VARCHAR(100) NOT NULL,
	note VARCHAR(200),
	prefix VARCHAR(16) NOT NULL,
	token_hash VARCHAR(64) NOT NULL,
	created_at DATETIME DEFAULT current_timestamp NOT NULL,
	expires_at DATETIME,
	revoked_at DATETIME,
	last_used_at DATETIME,
	CONSTRAINT pk_api_tokens PRIMARY KEY (id),
	CONSTRAINT fk_api_tokens_username FOREIGN KEY(username) REFERENCES api_users (username),
	UNIQUE (token_hash)
);
CREATE INDEX ix_api_tokens_prefix ON api_tokens (prefix);
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
