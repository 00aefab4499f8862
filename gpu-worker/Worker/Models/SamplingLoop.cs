using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Worker.Device;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Models;

/// <summary>Steps an engine on the tensor thread as long as it has rows; other work gets its turn between two steps.</summary>
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

    /// <summary>Never fails: no one observes it. Where a step fails, the rows do, and the loop can start again.</summary>
    private async Task RunAsync()
    {
        do
        {
            try
            {
                while (engine.HasWork)
                    await tensors.RunAsync(Step, CancellationToken.None);
            }
            catch (Exception exception)
            {
                engine.Fail(exception);
            }
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
