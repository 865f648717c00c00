// Package template renders an operator's arguments as Airflow 3 does: Jinja over the variables, filters,
// macros and objects of Airflow's context, text files found by their endings, and native objects. What a
// template does not use is not read: XComs, variables, connections and earlier runs are asked for when a
// template names them.
package template
