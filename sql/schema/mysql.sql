-- Made from lms_etl/warehouse/tables.py by `python -m lms_etl.warehouse.reference`; never edited.
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
CREATE TABLE api_users (
	username VARCHAR(100) NOT NULL COMMENT 'As tokens name it, and the user claim of a JWT',
	`role` VARCHAR(10) NOT NULL COMMENT 'admin: every row and every action; reader: own rows',
	created_at DATETIME(6) NOT NULL COMMENT 'UTC' DEFAULT current_timestamp(6),
	disabled_at DATETIME(6) COMMENT 'Since when the user may do nothing, UTC',
	CONSTRAINT pk_api_users PRIMARY KEY (username)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Who may use the API, and with which privilege';
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
	`trigger` VARCHAR(20) NOT NULL COMMENT 'schedule, sensor, api, cli, backfill or ui',
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
	basis VARCHAR(10) NOT NULL COMMENT 'observed: counted the day after; current: counted later, since Moodle keeps no past of its roles' DEFAULT 'current',
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
