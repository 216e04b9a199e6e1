"""The edge to sound: devices, the compiled callback, a paced virtual device, files and the layout of arrays."""
