# A copy that is all in its own file: nothing else is to be forgotten with it.
backup_forget() {
	:
}
