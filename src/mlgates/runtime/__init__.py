"""The model as it is served: its calls timed, its process, the state it leaves."""
