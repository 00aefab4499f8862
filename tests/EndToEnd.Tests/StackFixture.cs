using System.Collections.Concurrent;
using LLaDA.Batch.Local;

[assembly: AssemblyFixture(typeof(LLaDA.Batch.EndToEnd.Tests.StackFixture))]

namespace LLaDA.Batch.EndToEnd.Tests;

/// <summary>The whole system with the bundled models, as <c>dotnet run --project infra/local -- up</c> starts it.</summary>
public sealed class StackFixture : IAsyncLifetime
{
    private readonly ConcurrentQueue<string> _words = new();

    public string DataFolder { get; } = Directory.CreateTempSubdirectory("llada-stack-").FullName;

    public LocalStack Stack { get; private set; } = null!;

    public async ValueTask InitializeAsync() =>
        Stack = await LocalStack.StartAsync(new LocalStackOptions(DataFolder), _words.Enqueue, CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        if (Stack is not null)
            await Stack.DisposeAsync();
        Directory.Delete(DataFolder, recursive: true);
    }
}
