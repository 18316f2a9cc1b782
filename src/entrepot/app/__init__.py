"""The composition root: from settings to drivers, a registry, an application and running workers."""
