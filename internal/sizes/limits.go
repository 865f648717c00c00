package main

// programs are what is built, with limits. 20 MB (10⁶ bytes) is what a cold start can
// bear. The worker and the program of containers are larger because all operators are in
// them: databases (8 MB, half of them SQLite), clients of AWS, SSH and Docker. Without any
// operator they would still have 21 MB, and a task would need another program to be started.
// That of containers is the runner of pods, too: PostgreSQL, MinIO, and the authorities that an
// author's image may lack.
// Allocations are what there is, and a tenth for chance and new versions: more than half are
// the JSON Schema library's, which compiles the schemas of schemas when a program starts, and
// most others the tables of the SDK, which cannot be had later either.
func programs() []program {
	return []program{
		{"internal/sizes/empty", 8, 500},
		{"functions/api", 20, 39_000},
		{"functions/scheduler", 20, 39_000},
		{"functions/events", 20, 39_000},
		{"functions/fargate", 20, 45_000},
		{"functions/dagprocessor", 20, 39_000},
		{"functions/worker", 36, 66_000},
		{"functions/task", 40, 90_000},
		{"cmd/updraft", 47, 82_000},
	}
}
