"""Call a model in this process or in a child process, time its calls, restore changed state."""
