"""Call a model in this process or in a child, time its calls, restore the state it changes."""
