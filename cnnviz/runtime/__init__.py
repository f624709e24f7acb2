"""The engine: questions about networks and photos, answered once and remembered in bounded memory."""
