using System.Text.Json;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// Checks the rules that every line must keep before a batch may run: its frame, its custom_id, its url and its model. The parameters of
/// a body are checked when it is run, and fail that line alone.
/// </summary>
internal sealed class InputValidator
{
    private const int MaxCustomIdLength = 512;

    private readonly string _endpoint;
    private readonly Func<string, Task<ModelRecord?>> _findModel;
    private readonly BatchValidationErrors _errors;
    private readonly HashSet<string> _customIds = [];
    private readonly Dictionary<string, ModelRecord?> _models = [];

    /// <param name="findModel">Null when the tenant has no model of that name.</param>
    /// <param name="errors">Takes the errors of all lines.</param>
    public InputValidator(string endpoint, Func<string, Task<ModelRecord?>> findModel, BatchValidationErrors errors)
    {
        _endpoint = endpoint;
        _findModel = findModel;
        _errors = errors;
    }

    /// <summary>The model that all lines name; null before the first line with a known model.</summary>
    public ModelRecord? Model { get; private set; }

    /// <returns>Null when the line has an error.</returns>
    public async Task<ShardLine?> CheckAsync(TextLine line)
    {
        if (line.Bytes is null)
            return Error("line_too_long", "The line is longer than allowed");
        JsonElement json;
        try
        {
            json = StrictJson.Parse(line.Bytes);
        }
        catch (InvalidJsonException invalid)
        {
            return Error("invalid_json_line", $"The line is not valid JSON: {invalid.Message}");
        }
        if (json.ValueKind != JsonValueKind.Object)
            return Error("invalid_json_line", "The line is not a JSON object");

        if (json.FindText("custom_id") is not { Length: > 0 } customId || customId.CountCharacters() > MaxCustomIdLength)
            return Error("invalid_custom_id", $"custom_id must be a string of 1 to {MaxCustomIdLength} characters", "custom_id");
        bool isDuplicate = !_customIds.Add(customId);
        if (isDuplicate)
            Error("duplicate_custom_id", $"The custom_id '{Excerpt.Of(customId)}' was used by an earlier line", "custom_id");
        if (json.FindText("method") is not "POST")
            return Error("invalid_method", "method must be POST", "method");
        if (json.FindText("url") is var url && url != _endpoint)
            return Error("url_mismatch", $"url is '{Excerpt.Of(url)}', but the batch's endpoint is '{_endpoint}'", "url");
        if (json.Find("body") is not { ValueKind: JsonValueKind.Object } body)
            return Error("invalid_body", "body must be a JSON object", "body");
        if (body.FindText("model") is not { Length: > 0 } modelId)
            return Error("missing_model", "body.model must name a model", "body.model");
        if (await FindModelAsync(modelId) is not { } model)
            return Error("model_not_found", $"There is no model '{Excerpt.Of(modelId)}'", "body.model");
        Model ??= model;
        if (model.Id != Model.Id)
            return Error("model_mismatch", $"The line names '{modelId}', an earlier one '{Model.Id}'; a batch has one model", "body.model");
        return isDuplicate ? null : new ShardLine(line.Number, customId, body);

        ShardLine? Error(string code, string message, string? param = null)
        {
            _errors.Add(code, message, line.Number, param);
            return null;
        }
    }

    private async Task<ModelRecord?> FindModelAsync(string id)
    {
        if (!_models.TryGetValue(id, out var model))
            _models[id] = model = await _findModel(id);
        return model;
    }
}
