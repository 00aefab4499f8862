using System.ClientModel.Primitives;

namespace LLaDA.Batch.Functions.Tests.Contract;

/// <summary>The retries of OpenAI's .NET client, with its pauses recorded instead of waited for.</summary>
internal sealed class RecordedWaits : ClientRetryPolicy
{
    public List<TimeSpan> Pauses { get; } = [];

    protected override Task WaitAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        Pauses.Add(time);
        return Task.CompletedTask;
    }
}
