"""Studies that follow published papers."""
