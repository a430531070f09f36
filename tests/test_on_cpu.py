import jax

from sims.on_cpu import on_cpu


def test_beside_an_accelerator_the_function_computes_on_the_cpu(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert on_cpu(lambda: jax.config.jax_default_device)().platform == "cpu"
