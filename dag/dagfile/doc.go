// Package dagfile reads DAGs from YAML in the format of dag-factory 1.1, the one that
// Amazon MWAA Serverless derives from. Reading files, environment and clock are the
// caller's: see Options. Folders of files are package bag's matter.
package dagfile
