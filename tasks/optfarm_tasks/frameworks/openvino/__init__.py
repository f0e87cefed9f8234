"""OpenVINO models: converted, and compressed or quantised by NNCF."""
