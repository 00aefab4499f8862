using System.Collections.Concurrent;
using System.Globalization;
using System.Xml.Linq;
using Azure.Core;
using Azure.Core.Pipeline;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Tests;

/// <summary>A message as storage took it.</summary>
/// <param name="Delay">How long it stays invisible.</param>
internal sealed record SentMessage(string Queue, string Id, string Receipt, TimeSpan Delay);

/// <summary>Writes down the messages that a process sends, and makes them due before their time.</summary>
internal sealed class SentMessages : HttpPipelinePolicy
{
    private const string Messages = "/messages";

    public ConcurrentQueue<SentMessage> Sent { get; } = new();

    public StorageAccount Account(string connectionString) =>
        new(new StorageOptions { ConnectionString = connectionString }, client => client.AddPolicy(this, HttpPipelinePosition.PerCall));

    /// <summary>The last message of a queue becomes visible, as it does when its time has passed.</summary>
    public static async Task PassTimeAsync(StorageAccount storage, SentMessage message) =>
        await storage.Queue(message.Queue).UpdateMessageAsync(message.Id, message.Receipt, visibilityTimeout: TimeSpan.Zero);

    public override void Process(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline) => ProcessNext(message, pipeline);

    public override async ValueTask ProcessAsync(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
    {
        await ProcessNextAsync(message, pipeline);
        string path = message.Request.Uri.ToUri().AbsolutePath;
        if (message.Request.Method != RequestMethod.Post || !path.EndsWith(Messages, StringComparison.Ordinal))
            return;
        var answer = XDocument.Parse(message.Response.Content.ToString()).Root!.Element("QueueMessage")!;
        string Text(string name) => answer.Element(name)!.Value;
        DateTimeOffset Time(string name) => DateTimeOffset.Parse(Text(name), CultureInfo.InvariantCulture);
        string queue = path[..^Messages.Length].Split('/')[^1];
        Sent.Enqueue(new(queue, Text("MessageId"), Text("PopReceipt"), Time("TimeNextVisible") - Time("InsertionTime")));
    }
}
