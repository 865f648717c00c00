package cli

import "github.com/spf13/cobra"

// commands are all commands, by group.
func (a *app) commands() []*cobra.Command {
	groups := []struct {
		id   string
		cmds []*cobra.Command
	}{
		{groupRun, []*cobra.Command{a.runCommand(), a.standaloneCommand(), a.schedulerCommand(), a.workerCommand()}},
		{groupLook, []*cobra.Command{a.dagsCommand(), a.tasksCommand(), a.backfillCommand(), a.migrateCommand(), a.costCommand()}},
		{groupSettings, []*cobra.Command{a.variablesCommand(), a.connectionsCommand(), a.poolsCommand(), a.configCommand(), a.contextCommand()}},
		{groupHouse, []*cobra.Command{a.dbCommand(), a.queueCommand(), a.doctorCommand(), a.completionCommand(), a.versionCommand(), a.shepherdCommand()}},
	}
	var out []*cobra.Command
	for _, g := range groups {
		for _, c := range g.cmds {
			c.GroupID = g.id
			out = append(out, c)
		}
	}
	return out
}
