# The policy-delegation front end: later.
