"""How many programs JAX compiles."""

import contextlib

import jax


@contextlib.contextmanager
def compilations():
    """Count the programs that JAX compiles, those from the persistent cache included."""
    found = []

    def listen(event, duration, **_):
        if event.endswith("backend_compile_duration"):
            found.append(duration)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield found
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
