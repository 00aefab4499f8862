namespace LLaDA.Batch.Worker.Device;

/// <summary>Work failed, and the smallest pass of its model fails too: the process is at fault, and a new one may succeed.</summary>
/// <param name="failure">Only its type is reported, because its message may quote a line.</param>
internal sealed class BrokenDeviceException(Exception failure)
    : Exception($"{failure.GetType().Name}, and the model no longer computes after it");
