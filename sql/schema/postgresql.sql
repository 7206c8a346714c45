-- Made from lms_etl/warehouse/tables.py by `python -m lms_etl.warehouse.reference`; never edited.
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
COMMENT ON COLUMN etl_job_runs.trigger IS 'schedule, sensor, api, cli, backfill or ui';
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
COMMENT ON COLUMN user_counts_etl.basis IS 'observed: counted the day after; current: counted later, since Moodle keeps no past of its roles';
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
