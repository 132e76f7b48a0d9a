"""The measurements of compile.py: fresh processes, new settings, structures, eager calls."""
