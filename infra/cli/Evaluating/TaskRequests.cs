using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LLaDA.Batch.Cli.Evaluating;

/// <summary>
/// The batch that asks a task's questions. A request's id is the question's number, and the prompt's where there are several.
/// </summary>
internal static class TaskRequests
{
    /// <returns>JSON Lines.</returns>
    /// <param name="changes">Parameters that replace those of the task.</param>
    public static IEnumerable<string> Write(EvaluationTask task, string model, IReadOnlyDictionary<string, JsonElement> changes)
    {
        foreach (var (number, question) in task.Questions.Index())
        {
            foreach (var (index, request) in Bodies(task, question).Index())
            {
                request["model"] = model;
                foreach (var (name, value) in task.Header.Body.Concat(changes))
                    request[name] = JsonNode.Parse(value.GetRawText());
                yield return new JsonObject
                {
                    ["custom_id"] = string.Create(CultureInfo.InvariantCulture, $"{number}.{index}"),
                    ["method"] = "POST",
                    ["url"] = task.Header.Endpoint,
                    ["body"] = request,
                }.ToJsonString();
            }
        }
    }

    /// <returns>The question's number and the prompt's.</returns>
    public static (int Question, int Prompt) Parse(string customId)
    {
        string[] parts = customId.Split('.');
        return (int.Parse(parts[0], CultureInfo.InvariantCulture), int.Parse(parts[1], CultureInfo.InvariantCulture));
    }

    private static IEnumerable<JsonObject> Bodies(EvaluationTask task, Question question)
    {
        JsonObject Score(string? prompt, IEnumerable<string> completions) => new()
        {
            ["prompt"] = task.Before + prompt,
            ["completions"] = new JsonArray([.. completions.Select(text => (JsonNode)text)]),
        };
        if (question.Prompts is { } prompts)
            return prompts.Select(prompt => Score(prompt, [question.Completion!]));
        if (question.Choices is { } choices)
            return [Score(question.Prompt, choices)];
        string asked = task.Before + question.Prompt;
        var message = new JsonObject { ["role"] = "user", ["content"] = asked };
        return [task.Header.Chat ? new JsonObject { ["messages"] = new JsonArray(message) } : new JsonObject { ["prompt"] = asked }];
    }
}
