namespace LLaDA.Diffusion.Training;

/// <summary>A training does not fit its device. Nothing was begun.</summary>
public sealed class TrainingMemoryException(string message) : Exception(message);
