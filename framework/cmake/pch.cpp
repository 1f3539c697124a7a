// The unit that carries a precompiled header (TesseraPrecompiled.cmake).
