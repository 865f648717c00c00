package run

// legal is the table of transitions of a task instance (spec section 1.1). Clearing
// and marking may set any state from any other and is not part of it.
var legal = [NumStates][]State{
	None:            {Scheduled, Queued, Running, Success, Skipped, UpstreamFailed, Failed, Removed},
	Scheduled:       {None, Queued, Running, Success, Skipped, UpstreamFailed, Failed, Removed},
	Queued:          {None, Scheduled, Queued, Running, Skipped, Failed, UpForRetry, Removed},
	Running:         {Running, Success, Failed, Skipped, UpForRetry, UpForReschedule, Deferred, Restarting, Removed},
	Restarting:      {UpForRetry, None, Failed, Success, Skipped},
	UpForRetry:      {Scheduled, Queued, Running, Skipped, UpstreamFailed, Failed, Removed},
	UpForReschedule: {Scheduled, Queued, Running, Skipped, UpstreamFailed, Failed, Removed},
	Deferred:        {Scheduled, Queued, Running, Failed, Skipped, Success},
	Removed:         {None},
}

// CanBecome says whether the scheduler or a worker may lead an instance from s to
// next. Finished states lead nowhere.
func (s State) CanBecome(next State) bool {
	if s >= NumStates {
		return false
	}
	for _, t := range legal[s] {
		if t == next {
			return true
		}
	}
	return false
}
