"""A sweep's measurements in the shapes that other tools write, for what people parse already; docs/exports.md."""
