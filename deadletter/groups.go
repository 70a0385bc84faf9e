package deadletter

// KeepsGroups is part of [mediator.GroupKeeper]: a letter is handed back to the group
// that it is of.
func (k *keeper) KeepsGroups() bool { return true }
