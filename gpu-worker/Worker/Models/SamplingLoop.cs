using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Worker.Device;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Models;

/// <summary>Takes an engine on, one denoising step at a time on the tensor thread, as long as it has rows; between two steps other work gets its turn.</summary>
internal sealed class SamplingLoop(SamplingEngine engine, TensorThread tensors)
{
    private int _isRunning;

    /// <param name="cancellation">Takes the row out of the running batch.</param>
    public Task<SampledRow> SampleAsync(SamplingRow row, CancellationToken cancellation)
    {
        var sampled = engine.SubmitAsync(row, cancellation);
        if (Interlocked.Exchange(ref _isRunning, 1) == 0)
            _ = RunAsync();
        return sampled;
    }

    private async Task RunAsync()
    {
        do
        {
            while (engine.HasWork)
                await tensors.RunAsync(Step, CancellationToken.None);
            Interlocked.Exchange(ref _isRunning, 0);
        }
        while (engine.HasWork && Interlocked.Exchange(ref _isRunning, 1) == 0);
    }

    private int Step()
    {
        int numRows = engine.Step();
        if (numRows > 0)
            Telemetry.ForwardPasses.Add(1);
        return numRows;
    }
}
