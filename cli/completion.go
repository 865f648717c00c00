package cli

import (
	"github.com/spf13/cobra"
)

func (a *app) completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use: "completion SHELL", Short: "Write the script that completes commands, DAGs, runs and tasks in a shell",
		Long: "Writes the script for bash, zsh, fish or powershell to standard output. It asks updraft for\nwhat can be completed: DAGs, runs, tasks, variables, connections, pools.",
		Example: examples(
			"source <(updraft completion bash)", "in ~/.bashrc",
			"updraft completion zsh > \"${fpath[1]}/_updraft\"", "once; compinit must be loaded",
			"updraft completion fish > ~/.config/fish/completions/updraft.fish", "once",
		),
		Args: exactly("SHELL"), ValidArgs: shells,
		RunE: func(c *cobra.Command, args []string) error {
			root := c.Root()
			switch args[0] {
			case "bash":
				a.printf("%s", bashWithout)
				return root.GenBashCompletionV2(a.Stdout, true)
			case "zsh":
				return root.GenZshCompletion(a.Stdout)
			case "fish":
				return root.GenFishCompletion(a.Stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.Stdout)
			}
			return usagef("there is no script for %q: use one of %v", args[0], shells)
		},
		DisableFlagsInUseLine: true,
	}
}

// bashWithout stands in for what the script for bash needs of the package
// bash-completion, where that is not installed. Words are split at blanks only: run ids
// have colons.
const bashWithout = `if ! declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref()
    {
        local line=${COMP_LINE:0:COMP_POINT}
        read -ra words <<<"$line"
        [[ $line == *[[:space:]] ]] && words+=("")
        cword=$((${#words[@]} - 1))
        cur=${words[cword]}
        prev=${words[cword - 1]}
    }
    __ltrim_colon_completions()
    {
        [[ $1 == *:* && $COMP_WORDBREAKS == *:* ]] || return 0
        local i prefix=${1%"${1##*:}"}
        for i in "${!COMPREPLY[@]}"; do
            COMPREPLY[i]=${COMPREPLY[i]#"$prefix"}
        done
    }
fi

`
