-- Made from lms_etl/warehouse/tables.py by `python -m lms_etl.warehouse.reference`; never edited.
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
CREATE TABLE api_users (
	username VARCHAR(100) NOT NULL,
	role VARCHAR(10) NOT NULL,
	created_at DATETIME DEFAULT current_timestamp NOT NULL,
	disabled_at DATETIME,
	CONSTRAINT pk_api_users PRIMARY KEY (username)
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
