fail "$why"
