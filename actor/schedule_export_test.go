package actor

// ScheduleOf returns an actor's schedule, which handlers get from Self.
func ScheduleOf(in *Instance) *Schedule { return in.schedule }
