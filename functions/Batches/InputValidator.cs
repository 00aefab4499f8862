using System.Text.Json;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// Checks what must hold of every line before a batch may run: its frame, its custom_id, its url and its model. What a body asks for is checked where it is run,
/// and fails that line alone.
/// </summary>
/// <param name="findModel">Null when the tenant has no model of that name.</param>
internal sealed class InputValidator(string endpoint, Func<string, Task<ModelRecord?>> findModel, BatchValidationErrors faults)
{
    private const int MaxCustomIdLength = 512;

    private readonly HashSet<string> _customIds = [];
    private readonly Dictionary<string, ModelRecord?> _models = [];

    /// <summary>The model that all lines name; null before the first one that names a model there is.</summary>
    public ModelRecord? Model { get; private set; }

    /// <returns>Null when the line has a fault.</returns>
    public async Task<ShardLine?> CheckAsync(TextLine line)
    {
        if (line.Bytes is null)
            return Fault("line_too_long", "The line is longer than allowed");
        JsonElement json;
        try
        {
            using var document = JsonDocument.Parse(line.Bytes, new JsonDocumentOptions { AllowDuplicateProperties = false });
            json = document.RootElement.Clone();
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return Fault("invalid_json_line", "The line is not valid JSON");
        }
        if (!JsonBody.IsText(json))
            return Fault("invalid_json_line", "The line has a string that is no text: an escape names half of a character");
        if (json.ValueKind != JsonValueKind.Object)
            return Fault("invalid_json_line", "The line is not a JSON object");

        if (Text(json, "custom_id") is not { Length: > 0 and <= MaxCustomIdLength } customId)
            return Fault("invalid_custom_id", $"custom_id must be a string of 1 to {MaxCustomIdLength} characters", "custom_id");
        bool isDuplicate = !_customIds.Add(customId);
        if (isDuplicate)
            Fault("duplicate_custom_id", $"The custom_id '{Excerpt.Of(customId)}' was used by an earlier line", "custom_id");
        if (Text(json, "method") is not "POST")
            return Fault("invalid_method", "method must be POST", "method");
        if (Text(json, "url") is var url && url != endpoint)
            return Fault("url_mismatch", $"url is '{Excerpt.Of(url)}', but the batch's endpoint is '{endpoint}'", "url");
        if (!json.TryGetProperty("body", out var body) || body.ValueKind != JsonValueKind.Object)
            return Fault("invalid_body", "body must be a JSON object", "body");
        if (Text(body, "model") is not { Length: > 0 } modelId)
            return Fault("missing_model", "body.model must name a model", "body.model");
        if (await FindModelAsync(modelId) is not { } model)
            return Fault("model_not_found", $"There is no model '{Excerpt.Of(modelId)}'", "body.model");
        Model ??= model;
        if (model.Id != Model.Id)
            return Fault("model_mismatch", $"The line names '{modelId}', an earlier one '{Model.Id}'; a batch has one model", "body.model");
        return isDuplicate ? null : new ShardLine(line.Number, customId, body);

        ShardLine? Fault(string code, string message, string? param = null)
        {
            faults.Add(code, message, line.Number, param);
            return null;
        }
    }

    private async Task<ModelRecord?> FindModelAsync(string id)
    {
        if (!_models.TryGetValue(id, out var model))
            _models[id] = model = await findModel(id);
        return model;
    }

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
