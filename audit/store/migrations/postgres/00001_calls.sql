-- Times are microseconds since 1970, zero for what has not happened; spans are microseconds.

-- +goose Up
CREATE TABLE calls (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at BIGINT NOT NULL,
  call TEXT NOT NULL,
  trunk TEXT NOT NULL,
  number TEXT NOT NULL,
  called TEXT NOT NULL,
  category TEXT NOT NULL,
  action TEXT NOT NULL,
  rule TEXT NOT NULL,
  source TEXT NOT NULL,
  failed TEXT NOT NULL,
  mode TEXT NOT NULL,
  numbers TEXT NOT NULL,
  words TEXT NOT NULL,
  decision TEXT NOT NULL,
  final BIGINT NOT NULL DEFAULT 0,
  ring BIGINT NOT NULL DEFAULT 0,
  answered BIGINT NOT NULL DEFAULT 0,
  ended BIGINT NOT NULL DEFAULT 0,
  ended_by TEXT NOT NULL DEFAULT ''
);
CREATE INDEX calls_at ON calls (at, id);
CREATE INDEX calls_call ON calls (call, id);
CREATE INDEX calls_trunk ON calls (trunk, at, id);
CREATE INDEX calls_number ON calls (number, at, id);
CREATE INDEX calls_called ON calls (called, at, id);
CREATE INDEX calls_category ON calls (category, at, id);
CREATE INDEX calls_action ON calls (action, at, id);
CREATE INDEX calls_rule ON calls (rule, at, id);
CREATE INDEX calls_source ON calls (source, at, id);
CREATE INDEX calls_final ON calls (final, at, id);

-- How many calls of a kind there were in an hour since 1970, for statistics.
CREATE TABLE hours (
  hour BIGINT NOT NULL,
  trunk TEXT NOT NULL,
  category TEXT NOT NULL,
  action TEXT NOT NULL,
  rule TEXT NOT NULL,
  source TEXT NOT NULL,
  failed TEXT NOT NULL,
  mode TEXT NOT NULL,
  calls BIGINT NOT NULL,
  last BIGINT NOT NULL,
  PRIMARY KEY (hour, trunk, category, action, rule, source, failed, mode)
);

-- The last batch that each writer has written, so that none is written twice.
CREATE TABLE writers (id TEXT PRIMARY KEY, seq BIGINT NOT NULL, at BIGINT NOT NULL);

-- Numbers that were erased, as keyed hashes.
CREATE TABLE erasures (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at BIGINT NOT NULL,
  hash TEXT NOT NULL,
  calls BIGINT NOT NULL
);

-- +goose Down
DROP TABLE erasures;
DROP TABLE writers;
DROP TABLE hours;
DROP TABLE calls;
