using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Answers;

/// <summary>The choices of a streamed answer, each of which begins, grows by settled text and ends.</summary>
internal sealed class StreamedChoices(EventWriter events, StreamChunks chunks)
{
    /// <summary>The text that was sent, by choice that has begun.</summary>
    private readonly Dictionary<int, string> _sent = [];

    public async Task ShowAsync(AnswerFrame frame)
    {
        string sent = await BeginAsync(frame.Answer);
        await events.WriteAsync(chunks.Frame(frame));
        string settled = frame.Text[..frame.Settled];
        // Another try may be behind what its predecessor has shown.
        if (settled.Length > sent.Length && settled.StartsWith(sent, StringComparison.Ordinal))
            await SendAsync(frame.Answer, settled);
    }

    /// <summary>Sends what is missing of every choice, and its end.</summary>
    /// <param name="choices">Of the whole answer.</param>
    /// <returns>False where the answer is not the one that was begun; the stream then ends with an error.</returns>
    public async Task<bool> EndAsync(JsonArray choices)
    {
        foreach (var (index, choice) in choices.Index())
        {
            string text = (choice!["message"]?["content"] ?? choice["text"])!.GetValue<string>();
            if (!text.StartsWith(await BeginAsync(index), StringComparison.Ordinal))
            {
                const string message = "The answer was computed again and differs; send the request again";
                await events.WriteAsync(new ApiError(message, "server_error", Param: null, "server_error"));
                return false;
            }
            await SendAsync(index, text);
            await events.WriteAsync(chunks.End(index, choice));
        }
        return true;
    }

    /// <returns>The text that was sent so far.</returns>
    private async Task<string> BeginAsync(int choice)
    {
        if (_sent.TryAdd(choice, ""))
            await events.WriteAsync(chunks.Begin(choice));
        return _sent[choice];
    }

    /// <param name="text">Begins with what was sent.</param>
    private async Task SendAsync(int choice, string text)
    {
        if (text.Length > _sent[choice].Length)
            await events.WriteAsync(chunks.Text(choice, text[_sent[choice].Length..]));
        _sent[choice] = text;
    }
}
