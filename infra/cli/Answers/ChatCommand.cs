using System.CommandLine;
using System.Text;
using LLaDA.Batch.Cli.Requests;
using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Client;
using LLaDA.Batch.Client.Answers;

namespace LLaDA.Batch.Cli.Answers;

/// <summary>A dialogue with a model, or one answer.</summary>
internal static class ChatCommand
{
    public static Command Create()
    {
        var (target, sampling) = (new ServiceTarget(), new SamplingOptions());
        var message = new Argument<string?>("message")
        {
            Description = "A message to answer; without it, the messages are read from the terminal or one from the input",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var system = new Option<string?>("--system") { Description = "Instructions to the model before the dialogue" };
        var maxTokens = new Option<int?>("--max-tokens") { Description = "New tokens of an answer; 128 by default" };
        var answers = new Option<int?>("--answers", "-n") { Description = "Several answers to one message, at most 16" };
        var command = new Command("chat", "Answers a message, or holds a dialogue") { message, system, maxTokens, answers };
        sampling.AddTo(command);
        target.AddTo(command);
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            var shell = target.Shell(parse);
            string model = await sampling.ModelAsync(
                parse, client, name => name.Contains("instruct", StringComparison.OrdinalIgnoreCase), cancellation);
            List<ChatMessage> dialogue = parse.GetValue(system) is { } rule ? [new("system", rule)] : [];
            bool isDialogue = parse.GetValue(message) is null && !Console.IsInputRedirected;
            if (isDialogue && parse.GetValue(answers) is > 1)
                throw new OperatorException("--answers is for one message: a dialogue follows a single answer", ExitCodes.Usage);
            while (Next() is { Length: > 0 } text)
            {
                dialogue.Add(new ChatMessage("user", text));
                dialogue.Add(new ChatMessage("assistant", await AnswerAsync(client, Request(), shell, cancellation)));
                if (!isDialogue)
                    break;
            }
            return ExitCodes.Done;

            string? Next()
            {
                if (parse.GetValue(message) is { } given)
                    return given;
                if (!isDialogue)
                    return Console.In.ReadToEnd().Trim();
                Console.Error.Write("> ");
                return Console.In.ReadLine();
            }

            ChatRequest Request() => new()
            {
                Model = model,
                Messages = dialogue,
                MaxTokens = parse.GetValue(maxTokens),
                N = parse.GetValue(answers),
                Steps = sampling.Steps(parse),
                Threshold = sampling.Threshold(parse),
                Temperature = sampling.Temperature(parse),
                Seed = sampling.Seed(parse),
                More = sampling.More(parse),
            };
        });
        return command;
    }

    /// <returns>The first answer. On a terminal it is the one that is seen to come about.</returns>
    private static async Task<string> AnswerAsync(LLaDAClient client, ChatRequest request, Shell shell, CancellationToken cancellation)
    {
        List<StringBuilder> answers = [.. Enumerable.Range(0, request.N ?? 1).Select(_ => new StringBuilder())];
        await foreach (var update in client.StreamChatAsync(request, cancellation))
        {
            if (update is { Choice: 0, Frame: { } frame })
                shell.Replace(ShownFrame.Of(frame));
            while (answers.Count <= update.Choice)      // by --set n=...
                answers.Add(new StringBuilder());
            answers[update.Choice].Append(update.Text);
        }
        shell.Clear();
        foreach (var (index, answer) in answers.Index())
        {
            if (answers.Count > 1)
                await shell.Output.WriteLineAsync($"==> answer {index + 1} <==");
            await shell.Output.WriteLineAsync(answer, cancellation);
        }
        return answers[0].ToString();
    }
}
