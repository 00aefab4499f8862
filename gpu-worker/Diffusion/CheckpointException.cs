namespace LLaDA.Diffusion;

/// <summary>A checkpoint cannot be used; the message names the file or tensor and what is wrong with it.</summary>
public sealed class CheckpointException(string subject, string fault) : Exception($"{subject} {fault}");
