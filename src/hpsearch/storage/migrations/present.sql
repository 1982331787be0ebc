-- Written by tests/data/make_present_schema.py
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE studies (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	name VARCHAR(64) NOT NULL,
	description TEXT NOT NULL,
	state VARCHAR(8) NOT NULL,
	seed BIGINT NOT NULL,
	metric VARCHAR NOT NULL,
	direction VARCHAR(8) NOT NULL,
	yaml TEXT NOT NULL,
	resolved JSON NOT NULL,
	decisive JSON NOT NULL,
	hash VARCHAR(64) NOT NULL,
	backend VARCHAR NOT NULL,
	"order" VARCHAR(8) NOT NULL,
	lag INTEGER NOT NULL,
	threads INTEGER NOT NULL,
	deterministic BOOLEAN NOT NULL,
	onednn BOOLEAN NOT NULL,
	versions JSON NOT NULL,
	created_at DATETIME NOT NULL,
	finished_at DATETIME,
	coordinator_seconds DOUBLE NOT NULL,
	error TEXT,
	lease_token VARCHAR,
	lease_host VARCHAR,
	lease_pid INTEGER,
	lease_process_started DOUBLE,
	lease_taken_at DATETIME,
	lease_heartbeat_at DATETIME,
	CONSTRAINT ck_studies_counts CHECK (lag >= 0 AND threads >= 1),
	CONSTRAINT uq_studies_name UNIQUE (name),
	CONSTRAINT ck_studies_state CHECK (state IN ('running', 'stopped', 'complete', 'failed')),
	CONSTRAINT ck_studies_direction CHECK (direction IN ('maximize', 'minimize')),
	CONSTRAINT ck_studies_order CHECK ("order" IN ('number', 'finished'))
);
CREATE TABLE trials (
	id INTEGER NOT NULL,
	study_id INTEGER NOT NULL,
	number INTEGER NOT NULL,
	state VARCHAR(8) NOT NULL,
	epochs INTEGER NOT NULL,
	epochs_done INTEGER NOT NULL,
	seed BIGINT NOT NULL,
	parent INTEGER,
	bracket INTEGER,
	rung INTEGER,
	known INTEGER NOT NULL,
	told INTEGER,
	value DOUBLE,
	last_value DOUBLE,
	best_epoch INTEGER,
	model_parameters BIGINT,
	seconds DOUBLE NOT NULL,
	error_kind VARCHAR(13),
	error TEXT,
	backend_state JSON NOT NULL,
	created_at DATETIME NOT NULL,
	started_at DATETIME,
	ended_at DATETIME,
	CONSTRAINT pk_trials PRIMARY KEY (id),
	CONSTRAINT ck_trials_complete_has_value CHECK (state != 'complete' OR value IS NOT NULL),
	CONSTRAINT ck_trials_failed_has_kind CHECK (state NOT IN ('failed', 'invalid') OR error_kind IS NOT NULL),
	CONSTRAINT ck_trials_counts CHECK (number >= 0 AND epochs >= 0 AND epochs_done >= 0),
	CONSTRAINT fk_trials_study_id_parent FOREIGN KEY(study_id, parent) REFERENCES trials (study_id, number) ON DELETE CASCADE,
	CONSTRAINT fk_trials_study_id FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE,
	CONSTRAINT uq_trials_study_id_number UNIQUE (study_id, number),
	CONSTRAINT uq_trials_study_id_told UNIQUE (study_id, told),
	CONSTRAINT ck_trials_state CHECK (state IN ('waiting', 'running', 'complete', 'pruned', 'failed', 'invalid')),
	CONSTRAINT ck_trials_error_kind CHECK (error_kind IN ('error', 'nan', 'oom', 'lost', 'timeout', 'parent_failed', 'invalid'))
);
CREATE INDEX ix_trials_study_id_parent ON trials (study_id, parent);
CREATE INDEX ix_trials_study_id_state_value ON trials (study_id, state, value);
CREATE TABLE trial_parameters (
	id INTEGER NOT NULL,
	trial_id INTEGER NOT NULL,
	name VARCHAR NOT NULL,
	kind VARCHAR(7) NOT NULL,
	value_text TEXT,
	value_integer BIGINT,
	value_float DOUBLE,
	value_boolean BOOLEAN,
	CONSTRAINT pk_trial_parameters PRIMARY KEY (id),
	CONSTRAINT ck_trial_parameters_one_value CHECK ((value_text IS NOT NULL) = (kind = 'text') AND (value_integer IS NOT NULL) = (kind = 'integer') AND (value_float IS NOT NULL) = (kind = 'float') AND (value_boolean IS NOT NULL) = (kind = 'boolean')),
	CONSTRAINT fk_trial_parameters_trial_id FOREIGN KEY(trial_id) REFERENCES trials (id) ON DELETE CASCADE,
	CONSTRAINT uq_trial_parameters_trial_id_name UNIQUE (trial_id, name),
	CONSTRAINT ck_trial_parameters_kind CHECK (kind IN ('text', 'integer', 'float', 'boolean', 'null'))
);
CREATE TABLE epochs (
	id INTEGER NOT NULL,
	trial_id INTEGER NOT NULL,
	attempt INTEGER NOT NULL,
	epoch INTEGER NOT NULL,
	seconds DOUBLE NOT NULL,
	finished_at DATETIME NOT NULL,
	CONSTRAINT pk_epochs PRIMARY KEY (id),
	CONSTRAINT fk_epochs_trial_id FOREIGN KEY(trial_id) REFERENCES trials (id) ON DELETE CASCADE,
	CONSTRAINT uq_epochs_trial_id_epoch UNIQUE (trial_id, epoch)
);
CREATE TABLE epoch_values (
	id INTEGER NOT NULL,
	trial_id INTEGER NOT NULL,
	attempt INTEGER NOT NULL,
	epoch INTEGER NOT NULL,
	metric VARCHAR NOT NULL,
	value DOUBLE,
	kind VARCHAR(6) NOT NULL,
	CONSTRAINT pk_epoch_values PRIMARY KEY (id),
	CONSTRAINT ck_epoch_values_kind_of_value CHECK ((value IS NULL) = (kind != 'finite')),
	CONSTRAINT ck_epoch_values_epoch CHECK (epoch >= 1),
	CONSTRAINT fk_epoch_values_trial_id FOREIGN KEY(trial_id) REFERENCES trials (id) ON DELETE CASCADE,
	CONSTRAINT uq_epoch_values_trial_id_metric_epoch UNIQUE (trial_id, metric, epoch),
	CONSTRAINT ck_epoch_values_kind CHECK (kind IN ('finite', 'nan', '+inf', '-inf'))
);
CREATE TABLE attempts (
	id INTEGER NOT NULL,
	trial_id INTEGER NOT NULL,
	attempt INTEGER NOT NULL,
	worker VARCHAR NOT NULL,
	host VARCHAR NOT NULL,
	device VARCHAR NOT NULL,
	started_at DATETIME NOT NULL,
	ended_at DATETIME,
	outcome VARCHAR(8),
	from_epoch INTEGER NOT NULL,
	peak_memory_bytes BIGINT,
	error TEXT,
	CONSTRAINT pk_attempts PRIMARY KEY (id),
	CONSTRAINT ck_attempts_ended_has_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL)),
	CONSTRAINT fk_attempts_trial_id FOREIGN KEY(trial_id) REFERENCES trials (id) ON DELETE CASCADE,
	CONSTRAINT uq_attempts_trial_id_attempt UNIQUE (trial_id, attempt),
	CONSTRAINT ck_attempts_outcome CHECK (outcome IN ('complete', 'pruned', 'stopped', 'error', 'nan', 'oom', 'lost', 'timeout'))
);
CREATE UNIQUE INDEX ux_attempts_open ON attempts (trial_id) WHERE ended_at IS NULL;
CREATE TABLE workers (
	id INTEGER NOT NULL,
	study_id INTEGER NOT NULL,
	name VARCHAR NOT NULL,
	host VARCHAR NOT NULL,
	pid INTEGER,
	device VARCHAR NOT NULL,
	started_at DATETIME NOT NULL,
	ended_at DATETIME,
	CONSTRAINT pk_workers PRIMARY KEY (id),
	CONSTRAINT fk_workers_study_id FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE
);
CREATE INDEX ix_workers_study_id ON workers (study_id);
CREATE TABLE evaluations (
	id INTEGER NOT NULL,
	study_id INTEGER NOT NULL,
	trial_id INTEGER NOT NULL,
	repeat INTEGER NOT NULL,
	role VARCHAR NOT NULL,
	seed BIGINT NOT NULL,
	epochs INTEGER NOT NULL,
	epochs_done INTEGER NOT NULL,
	epoch INTEGER,
	configuration JSON NOT NULL,
	classes JSON,
	confusion JSON,
	members JSON,
	seconds DOUBLE NOT NULL,
	device VARCHAR,
	error TEXT,
	started_at DATETIME NOT NULL,
	finished_at DATETIME,
	CONSTRAINT pk_evaluations PRIMARY KEY (id),
	CONSTRAINT fk_evaluations_study_id FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE,
	CONSTRAINT fk_evaluations_trial_id FOREIGN KEY(trial_id) REFERENCES trials (id) ON DELETE CASCADE
);
CREATE INDEX ix_evaluations_study_id ON evaluations (study_id);
CREATE INDEX ix_evaluations_trial_id ON evaluations (trial_id);
CREATE TABLE evaluation_scores (
	id INTEGER NOT NULL,
	evaluation_id INTEGER NOT NULL,
	metric VARCHAR NOT NULL,
	value DOUBLE,
	kind VARCHAR(6) NOT NULL,
	CONSTRAINT pk_evaluation_scores PRIMARY KEY (id),
	CONSTRAINT ck_evaluation_scores_kind_of_value CHECK ((value IS NULL) = (kind != 'finite')),
	CONSTRAINT fk_evaluation_scores_evaluation_id FOREIGN KEY(evaluation_id) REFERENCES evaluations (id) ON DELETE CASCADE,
	CONSTRAINT uq_evaluation_scores_evaluation_id_metric UNIQUE (evaluation_id, metric),
	CONSTRAINT ck_evaluation_scores_kind CHECK (kind IN ('finite', 'nan', '+inf', '-inf'))
);
CREATE TABLE evaluation_epochs (
	id INTEGER NOT NULL,
	evaluation_id INTEGER NOT NULL,
	epoch INTEGER NOT NULL,
	metric VARCHAR NOT NULL,
	value DOUBLE,
	kind VARCHAR(6) NOT NULL,
	CONSTRAINT pk_evaluation_epochs PRIMARY KEY (id),
	CONSTRAINT ck_evaluation_epochs_kind_of_value CHECK ((value IS NULL) = (kind != 'finite')),
	CONSTRAINT fk_evaluation_epochs_evaluation_id FOREIGN KEY(evaluation_id) REFERENCES evaluations (id) ON DELETE CASCADE,
	CONSTRAINT uq_evaluation_epochs_evaluation_id_metric_epoch UNIQUE (evaluation_id, metric, epoch),
	CONSTRAINT ck_evaluation_epochs_kind CHECK (kind IN ('finite', 'nan', '+inf', '-inf'))
);
CREATE TABLE artifacts (
	id INTEGER NOT NULL,
	study_id INTEGER NOT NULL,
	trial_id INTEGER,
	evaluation_id INTEGER,
	kind VARCHAR NOT NULL,
	epoch INTEGER,
	path VARCHAR NOT NULL,
	sha256 VARCHAR(64) NOT NULL,
	size_bytes BIGINT NOT NULL,
	created_at DATETIME NOT NULL,
	CONSTRAINT pk_artifacts PRIMARY KEY (id),
	CONSTRAINT fk_artifacts_evaluation_id FOREIGN KEY(evaluation_id) REFERENCES evaluations (id) ON DELETE CASCADE,
	CONSTRAINT fk_artifacts_study_id FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE,
	CONSTRAINT fk_artifacts_trial_id FOREIGN KEY(trial_id) REFERENCES trials (id) ON DELETE CASCADE,
	CONSTRAINT uq_artifacts_study_id_path UNIQUE (study_id, path)
);
CREATE INDEX ix_artifacts_evaluation_id ON artifacts (evaluation_id);
CREATE INDEX ix_artifacts_trial_id ON artifacts (trial_id);
CREATE TABLE actions (
	id INTEGER NOT NULL,
	study_id INTEGER NOT NULL,
	kind VARCHAR(4) NOT NULL,
	requested_at DATETIME NOT NULL,
	done_at DATETIME,
	CONSTRAINT pk_actions PRIMARY KEY (id),
	CONSTRAINT fk_actions_study_id FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE,
	CONSTRAINT ck_actions_kind CHECK (kind IN ('stop'))
);
CREATE INDEX ix_actions_study_id ON actions (study_id);
CREATE TABLE notes (
	id INTEGER NOT NULL,
	study_id INTEGER NOT NULL,
	trial_id INTEGER,
	text TEXT NOT NULL,
	written_at DATETIME NOT NULL,
	CONSTRAINT pk_notes PRIMARY KEY (id),
	CONSTRAINT fk_notes_study_id FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE,
	CONSTRAINT fk_notes_trial_id FOREIGN KEY(trial_id) REFERENCES trials (id) ON DELETE CASCADE
);
CREATE INDEX ix_notes_study_id ON notes (study_id);
CREATE TABLE events (
	id INTEGER NOT NULL,
	study_id INTEGER NOT NULL,
	kind VARCHAR NOT NULL,
	text TEXT NOT NULL,
	data JSON NOT NULL,
	happened_at DATETIME NOT NULL,
	CONSTRAINT pk_events PRIMARY KEY (id),
	CONSTRAINT fk_events_study_id FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE
);
CREATE INDEX ix_events_study_id ON events (study_id);
CREATE VIEW best_trials AS
SELECT studies.name AS study,
       trials.number AS trial,
       ROW_NUMBER() OVER (
           PARTITION BY trials.study_id
           ORDER BY CASE studies.direction WHEN 'maximize' THEN -trials.value ELSE trials.value END, trials.number
       ) AS place,
       studies.metric AS metric,
       trials.value AS value,
       trials.best_epoch AS best_epoch,
       trials.epochs_done AS epochs,
       trials.model_parameters AS model_parameters,
       trials.seconds AS seconds,
       (SELECT json_group_object(name, value)
        FROM (SELECT name, COALESCE(value_text, value_integer, value_float, value_boolean) AS value
              FROM trial_parameters WHERE trial_parameters.trial_id = trials.id ORDER BY id)) AS parameters
FROM trials JOIN studies ON studies.id = trials.study_id
WHERE trials.state = 'complete';
CREATE VIEW learning_curves AS
WITH RECURSIVE lineage (study_id, trial, trained_by, trained_by_id, parent) AS (
    SELECT study_id, number, number, id, parent FROM trials
    UNION ALL
    SELECT lineage.study_id, lineage.trial, trials.number, trials.id, trials.parent
    FROM lineage JOIN trials ON trials.study_id = lineage.study_id AND trials.number = lineage.parent
)
SELECT studies.name AS study,
       lineage.trial AS trial,
       epoch_values.epoch AS epoch,
       epoch_values.metric AS metric,
       epoch_values.value AS value,
       epoch_values.kind AS kind,
       lineage.trained_by AS trained_by
FROM lineage
JOIN studies ON studies.id = lineage.study_id
JOIN epoch_values ON epoch_values.trial_id = lineage.trained_by_id;
INSERT INTO alembic_version VALUES ('0001');
