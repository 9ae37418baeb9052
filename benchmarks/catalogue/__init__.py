"""Every catalogue problem, solved by default settings."""
