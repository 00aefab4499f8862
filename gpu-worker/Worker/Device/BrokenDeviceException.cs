namespace LLaDA.Batch.Worker.Device;

/// <summary>Work failed, and so does the smallest pass of its model: the fault is this process's, and a new one may do better.</summary>
/// <param name="failure">Only its type is told: its message may quote a line.</param>
public sealed class BrokenDeviceException(Exception failure) : Exception($"{failure.GetType().Name}, and after it the model computes nothing any more");
