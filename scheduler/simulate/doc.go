// Package simulate plays runs in virtual time: tasks do what a script says, and the
// planner decides as it always does. It executes nothing and knows no operator. The
// recordings of Airflow are replayed through it, too.
package simulate
