DROP TABLE asset_event;
DROP TABLE setting;
DROP TABLE xcom;
DROP TABLE history;
DROP TABLE ti;
DROP TABLE run;
DROP TABLE dag_version;
DROP TABLE dag;
