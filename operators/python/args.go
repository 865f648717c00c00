package python

import (
	"slices"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/exitcode"
)

// functionArgs are the function and what it is called with.
func functionArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "python_callable", Type: dag.ArgCallable, Required: true, Doc: "The function to call."},
		{Name: "op_args", Type: dag.ArgList, Templated: true, Doc: "Positional arguments of the function."},
		{Name: "op_kwargs", Type: dag.ArgDict, Templated: true, Doc: "Keyword arguments of the function."},
		{
			Name: "templates_dict", Type: dag.ArgDict, Templated: true,
			Doc: "Templates that the function gets, rendered, as templates_dict of the context.",
		},
	}
}

// callArgs are those of all operators of this package but sensors.
func callArgs() []dag.ArgSpec {
	return slices.Concat(functionArgs(), []dag.ArgSpec{
		{
			Name: "templates_exts", Type: dag.ArgStrings,
			Doc: "Endings, such as .sql, of texts in op_args, op_kwargs and templates_dict that name template files.",
		},
		{Name: "show_return_value_in_logs", Type: dag.ArgBool, Default: true, Doc: "Write the return value to the log."},
	})
}

// processArgs are those of functions in another interpreter.
func processArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{
			Name: "serializer", Type: dag.ArgString, Enum: []string{"pickle", "cloudpickle", "dill"},
			Doc: "Without effect: values go to and fro as XComs do.",
		},
		{Name: "use_dill", Type: dag.ArgBool, Default: false, Doc: "Without effect, as serializer."},
		{Name: "expect_airflow", Type: dag.ArgBool, Default: true, Doc: "Without effect: the function finds Airflow's names either way."},
		exitcode.Arg(nil),
		{Name: "env_vars", Type: dag.ArgDict, Doc: "Variables added to the environment."},
		{Name: "inherit_env", Type: dag.ArgBool, Default: true, Doc: "Without it, env_vars are the whole environment."},
		{Name: "string_args", Type: dag.ArgStrings, Doc: "Texts that the function finds in the global variable virtualenv_string_args."},
	}
}

func virtualenvArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{
			Name: "requirements", Type: dag.ArgStrings, Templated: true,
			Doc: "Requirements to install, or a requirements file if it ends in .txt.",
		},
		{Name: "python_version", Type: dag.ArgString, Doc: "Version of the interpreter, such as 3.12; by default the worker's."},
		{Name: "system_site_packages", Type: dag.ArgBool, Default: true, Doc: "See the packages that the interpreter has beside these."},
		{Name: "pip_install_options", Type: dag.ArgStrings, Doc: "Options of pip install."},
		{Name: "index_urls", Type: dag.ArgStrings, Templated: true, Doc: "Package indexes in place of the configured ones."},
		{
			Name: "index_urls_from_connection_ids", Type: dag.ArgStrings, Templated: true,
			Doc: "Connections that name package indexes, added to index_urls.",
		},
		{
			Name: "venv_cache_path", Type: dag.ArgString, Templated: true,
			Doc: "Without effect: the worker keeps environments where it keeps everything.",
		},
	}
}

func externalArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "python", Type: dag.ArgString, Required: true, Templated: true, Doc: "Path of the interpreter."},
		{Name: "expect_pendulum", Type: dag.ArgBool, Default: false, Doc: "Without effect, as expect_airflow."},
	}
}
