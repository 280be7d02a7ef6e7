"""Files: a graph with its parameters, parameters alone, and the state of a training, each as one file."""
