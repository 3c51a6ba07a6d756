"""The Gymnasium environments: one scalar and one vector shell over tasks."""
