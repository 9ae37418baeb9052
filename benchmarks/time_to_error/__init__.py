"""CPU seconds to errors: pdenet against DeepXDE, PINA and JAX in the manner of jaxpi."""
